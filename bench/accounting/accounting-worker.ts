/** A worker that only does accounting: it reserves, holds and settles requests, several at once, until its IPC channel closes. */
import { NO_RESPONSE_TOKENS } from '../../src/limits/response-tokens.ts'
import { Socket } from 'node:net'
import { systemClock } from '../../src/base/clock.ts'
import { generationId } from '../../src/base/ids.ts'
import { money } from '../../src/base/money.ts'
import type { InferenceRequest } from '../../src/inference/request/inference-request.ts'
import type { Settlement } from '../../src/ledger/types.ts'
import { fixedLimits } from '../../src/limits/limit-store.ts'
import { createRemoteAccounting } from '../../src/daemon/workers/worker/remote-accounting-client.ts'
import { IPC_FD, openIpcChannel } from '../../src/daemon/workers/ipc/ipc-channel.ts'
import type { FromWorker, ToWorker } from '../../src/daemon/workers/ipc/ipc-messages.ts'
import { jsonBodyOf } from '../../src/wire/json/json-body.ts'

const concurrency = Number(process.argv[2])

const channel = openIpcChannel<ToWorker, FromWorker>(new Socket({ fd: IPC_FD }), {
  onMessage: (message) => {
    if ('n' in message) accounting.onMessage(message)
  },
  onClose: () => process.exit(0),
})
const accounting = createRemoteAccounting({ send: channel.send, rules: fixedLimits([]), clock: systemClock })

const unreachable = (): never => {
  throw new Error('this worker calls no provider')
}
const inferenceRequest: InferenceRequest = {
  kind: {
    name: 'chat',
    route: 'chat',
    maxUsage: () => ({ maxPromptTokens: 100, maxCompletionTokens: 1000 }),
    reasons: () => undefined,
    createMeter: unreachable,
    createFormatter: unreachable,
    dispatch: unreachable,
  },
  body: jsonBodyOf('{}'),
  requestedModel: 'gpt-4o-mini',
  stream: false,
  candidates: [],
  maxCost: money(1_000_000n),
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

async function reserveAndSettle(): Promise<never> {
  const caller = { ip: 'local', context: undefined }
  const requestContext = { caller, referer: undefined, title: undefined }
  for (;;) {
    const id = generationId(Date.now())
    const reserved = await accounting.reserve({
      request: inferenceRequest,
      context: requestContext,
      id,
      tokens: 250,
      responseTokens: () => NO_RESPONSE_TOKENS,
    })
    const startedAt = Date.now()
    const { kind, requestedModel, stream, maxCost } = inferenceRequest
    const hold = await reserved.hold({
      id,
      caller,
      kind: kind.name,
      requestedModel,
      streamed: stream,
      maxCost,
      startedAt,
    })
    // Callers don't wait for the settlement either.
    void reserved.settle(hold, settlement)
  }
}

await Promise.all(Array.from({ length: concurrency }, reserveAndSettle))
