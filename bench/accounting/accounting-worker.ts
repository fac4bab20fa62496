/** A worker that only does accounting: it reserves, holds and settles requests, several at once, until its IPC channel closes. */
import { Socket } from 'node:net'
import { systemClock } from '../../src/base/clock.ts'
import { generationId } from '../../src/base/ids.ts'
import { money } from '../../src/base/money.ts'
import type { Errand } from '../../src/inference/request/inference-request.ts'
import type { Settlement } from '../../src/ledger/types.ts'
import { boundsOfRules } from '../../src/limits/limit-store.ts'
import { createBooksElsewhere } from '../../src/daemon/workers/worker/remote-accounting-client.ts'
import { LINE_FD, openLine } from '../../src/daemon/workers/ipc/ipc-channel.ts'
import type { FromWorker, ToWorker } from '../../src/daemon/workers/ipc/ipc-messages.ts'
import { jsonBodyOf } from '../../src/wire/json/json-body.ts'

const atOnce = Number(process.argv[2])

const line = openLine<ToWorker, FromWorker>(new Socket({ fd: LINE_FD }), {
  onMessage: (message) => {
    if ('n' in message) books.hear(message)
  },
  onClose: () => process.exit(0),
})
const books = createBooksElsewhere({ send: line.send, rules: boundsOfRules([]), clock: systemClock })

const nobodyIsAsked = (): never => {
  throw new Error('this worker calls no provider')
}
const errand: Errand = {
  kind: {
    name: 'chat',
    route: 'chat',
    maxUsage: () => ({ promptTokensAtMost: 100, completionTokensAtMost: 1000 }),
    reasons: () => undefined,
    createMeter: nobodyIsAsked,
    createFormatter: nobodyIsAsked,
    dispatch: nobodyIsAsked,
  },
  body: jsonBodyOf('{}'),
  modelAsked: 'gpt-4o-mini',
  streamed: false,
  candidates: [],
  most: money(1_000_000n),
}
const usage = {
  prompt: 100,
  completion: 10,
  cachedPrompt: 0,
  cacheWrite: 0,
  reasoning: 0,
  audioPrompt: 0,
  audioCompletion: 0,
}
const settlement: Settlement = {
  status: 'finished',
  endpoint: 'openai/gpt-4o-mini',
  provider: 'openai',
  attempts: [],
  usage,
  countSource: 'reported',
  cost: money(21_000n),
  costLow: undefined,
  costHigh: undefined,
  priceVersion: '0123456789ab',
  finishReason: 'stop',
  error: undefined,
  firstTokenMs: 400,
  durationMs: 1200,
}

async function bookAgainAndAgain(): Promise<never> {
  const caller = { ip: 'local', context: undefined }
  const asker = { caller, referer: undefined, title: undefined }
  for (;;) {
    const id = generationId(Date.now())
    const { ledger } = await books.bookAhead({ errand, asker, id, tokens: 250 })
    const startedAt = Date.now()
    const { kind, modelAsked, streamed, most } = errand
    const hold = await ledger.hold({ id, caller, kind: kind.name, modelAsked, streamed, most, startedAt })
    // Callers don't wait for the settlement either.
    void ledger.settle(hold, settlement)
  }
}

await Promise.all(Array.from({ length: atOnce }, bookAgainAndAgain))
