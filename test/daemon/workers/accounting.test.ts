// Several workers and one ledger, over real IPC channels and a real store, all in this process.
import { NO_RESPONSE_TOKENS } from '../../../src/limits/response-tokens.ts'
import { duplexPair } from 'node:stream'
import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { money, ZERO } from '../../../src/base/money.ts'
import { createConcurrencyLimit } from '../../../src/inference/admission/concurrency-limit.ts'
import type { InferenceRequest } from '../../../src/inference/request/inference-request.ts'
import { createUpstreamIds } from '../../../src/inference/response/upstream-ids.ts'
import type { Endpoint } from '../../../src/catalog/catalog.ts'
import { createLedger, type Ledger } from '../../../src/ledger/ledger.ts'
import type { Hold } from '../../../src/ledger/types.ts'
import { createLimits } from '../../../src/limits/limits.ts'
import { openLimitStore, type LimitStore } from '../../../src/limits/limit-store.ts'
import {
  createRemoteAccounting,
  type ReservationRequest,
} from '../../../src/daemon/workers/worker/remote-accounting-client.ts'
import { openIpcChannel, type IpcChannel } from '../../../src/daemon/workers/ipc/ipc-channel.ts'
import type { FromWorker, ToWorker } from '../../../src/daemon/workers/ipc/ipc-messages.ts'
import { RemoteAccountingServer } from '../../../src/daemon/workers/primary/remote-accounting-server.ts'
import { jsonBodyOf } from '../../../src/wire/json/json-body.ts'
import { finished } from '../../ledger/samples.ts'
import { temporaryStore } from '../../store/temporary-store.ts'

const caller = { ip: '10.0.0.1', context: undefined }
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** One nano-dollar per token, input and output. */
const price = { input: money(1_000_000n), output: money(1_000_000n), source: undefined, date: undefined }
const endpoint: Endpoint = {
  id: 'openai/m',
  provider: 'openai',
  modelId: 'm',
  model: 'm',
  priority: 1,
  contextWindow: undefined,
  maxOutputTokens: undefined,
  price,
}

/** A request with this maximum cost in nano-dollars, or less if it may be shortened. */
function inferenceRequest(maxCost: number, mayBeShortened: boolean): InferenceRequest {
  return {
    kind: {
      name: 'chat',
      route: 'chat',
      maxUsage: () => ({ maxPromptTokens: 1, maxCompletionTokens: maxCost - 1 }),
      reasons: () => undefined,
      createMeter: unreachable,
      createFormatter: unreachable,
      dispatch: unreachable,
    },
    body: jsonBodyOf('{}'),
    requestedModel: 'm',
    stream: false,
    candidates: [endpoint],
    maxCost: money(BigInt(maxCost)),
    mayCapTokens: mayBeShortened,
  }
}

const unreachable = (): never => {
  throw new Error('nobody is asked here')
}

interface TestWorker {
  reserve(reservation: ReservationRequest): ReturnType<ReturnType<typeof createRemoteAccounting>['reserve']>
  settled(): Promise<void>
  die(): void
}

interface Scene extends AsyncDisposable {
  readonly rules: LimitStore
  readonly ledger: Ledger
  readonly workers: readonly TestWorker[]
}

function scene(count: number, maxOpen = 1000): Scene {
  const here = temporaryStore()
  const { store, clock } = here
  const ledger = createLedger({ store, now: clock.now() })
  const rules = openLimitStore(store, clock)
  const services = {
    ledger,
    limits: createLimits({ rules, ledger, clock }),
    endpointStats: { record: () => undefined },
    upstreamIds: createUpstreamIds({ store, clock, keepDays: 1 }),
  }
  const http = { concurrencyLimit: createConcurrencyLimit(maxOpen) }
  const startWorker = (): TestWorker => {
    const [near, far] = duplexPair()
    const server = new RemoteAccountingServer({
      services,
      http,
      log: SILENT,
      respond: (message) => toWorker.send(message),
      respondDeferred: (message) => toWorker.sendDeferred(message),
    })
    const toWorker: IpcChannel<ToWorker> = openIpcChannel<FromWorker, ToWorker>(near, {
      onMessage: (message) => {
        if ('n' in message) server.onMessage(message)
      },
      onClose: () => server.onWorkerExit(),
    })
    const toPrimary: IpcChannel<FromWorker> = openIpcChannel<ToWorker, FromWorker>(far, {
      onMessage: (message) => {
        if ('n' in message) client.onMessage(message)
      },
      onClose: () => undefined,
    })
    const client = createRemoteAccounting({ send: toPrimary.send, rules, clock })
    return {
      reserve: (reservation) => client.reserve(reservation),
      settled: () => client.settled(),
      die: () => {
        far.destroy()
        near.destroy()
      },
    }
  }
  return {
    rules,
    ledger,
    workers: Array.from({ length: count }, startWorker),
    [Symbol.asyncDispose]: () => here[Symbol.asyncDispose](),
  }
}

let lastId = 0
function reservation(maxCost: number, mayBeShortened = false): ReservationRequest {
  const requestContext = { caller, referer: undefined, title: undefined }
  return {
    request: inferenceRequest(maxCost, mayBeShortened),
    context: requestContext,
    id: `gen-${++lastId}`,
    tokens: 1,
    responseTokens: () => NO_RESPONSE_TOKENS,
  }
}

/** What the execution of a request does with its reservation. */
async function run(worker: TestWorker, call: ReservationRequest, spend: boolean): Promise<void> {
  const accounting = await worker.reserve(call)
  const admission = accounting.admit(caller, call.tokens, call.responseTokens)
  const { kind, requestedModel, stream, maxCost } = call.request
  // The hold carries what was granted; the request that is passed here is ignored.
  const hold = await accounting.hold({
    id: call.id,
    caller,
    kind: kind.name,
    requestedModel,
    streamed: stream,
    maxCost,
    startedAt: 0,
    referer: undefined,
    title: undefined,
  })
  const settling = accounting.settle(hold, finished(spend ? (hold.maxCost ?? ZERO) : ZERO))
  admission.release(0)
  await settling
}

test('a budget is never exceeded, whatever workers reserve and spend', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 2000 }),
      fc.array(
        fc.record({
          worker: fc.integer({ min: 0, max: 2 }),
          maxCost: fc.integer({ min: 2, max: 600 }),
          mayBeShortened: fc.boolean(),
          spend: fc.boolean(),
        }),
        { minLength: 1, maxLength: 25 },
      ),
      async (budget, requests) => {
        await using at = scene(3)
        await at.rules.set({ scope: 'default' }, { usd_total: (budget / 1e9).toFixed(9) })
        const ends = await Promise.allSettled(
          requests.map(({ worker, maxCost, mayBeShortened, spend }) =>
            run(at.workers[worker] as TestWorker, reservation(maxCost, mayBeShortened), spend),
          ),
        )
        for (const end of ends)
          if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'over-budget' })
        const { spent, held } = at.ledger.balance(caller)
        expect(spent).toBeLessThanOrEqual(BigInt(budget))
        expect(held).toBe(ZERO)
        expect([...at.ledger.entries({})]).toHaveLength(
          ends.filter(({ status }) => status === 'fulfilled').length,
        )
      },
    ),
    { numRuns: 25 },
  )
})

test('a budget that affords the maximum cost is reserved with one message', async () => {
  await using at = scene(1)
  await at.rules.set({ scope: 'default' }, { usd_total: '1' })
  const [worker] = at.workers
  const accounting = await worker?.reserve(reservation(500))
  expect(accounting?.allowance(caller)?.remaining).toBe(1_000_000_000n)
  expect(await accounting?.hold({} as Hold)).toMatchObject({ maxCost: 500n })
  expect(at.ledger.balance(caller).held).toBe(500n)
})

test('an admission carries rate limit headers and the hedge permission of its rule', async () => {
  await using at = scene(1)
  await at.rules.set({ scope: 'default' }, { requests_per_minute: 5, hedge: true })
  const [worker] = at.workers
  const accounting = await worker?.reserve(reservation(1))
  const { headers, mayHedge } = accounting?.admit(caller, 1, () => NO_RESPONSE_TOKENS) ?? {}
  expect(mayHedge).toBe(true)
  expect(headers).toMatchObject({ 'x-ratelimit-remaining-requests': '4' })
})

test('a hold can be increased as far as the budget allows, by any worker', async () => {
  await using at = scene(2)
  await at.rules.set({ scope: 'default' }, { usd_total: '0.000001000' })
  const [one, two] = at.workers
  if (one === undefined || two === undefined) throw new Error('two workers were started')
  const first = await one.reserve(reservation(500))
  const second = await two.reserve(reservation(300))
  const [held, other] = [await first.hold({} as Hold), await second.hold({} as Hold)]
  const raised = await first.increaseHold(held, money(700n))
  expect(at.ledger.balance(caller).held).toBe(1000n)
  await expect(second.increaseHold(other, money(301n))).rejects.toMatchObject({ code: 'over-budget' })
  await first.settle(raised, finished(money(600n)))
  const last = await second.increaseHold(other, money(400n))
  await second.settle(last, finished(money(400n)))
  expect(at.ledger.balance(caller)).toEqual({ spent: 1000n, held: ZERO })
})

test('a worker that dies while a hold is increased leaves one row with the higher bound', async () => {
  await using at = scene(1)
  const [worker] = at.workers
  const accounting = await worker?.reserve(reservation(100))
  const hold = await accounting?.hold({} as Hold)
  void accounting?.increaseHold(hold ?? ({} as Hold), money(250n))
  // The primary has received it; whether its response has arrived makes no difference.
  await expect.poll(() => at.ledger.balance(caller).held).toBe(250n)
  worker?.die()
  await expect
    .poll(() => [...at.ledger.entries({})])
    .toMatchObject([{ status: 'interrupted', costHigh: 250n }])
  expect(at.ledger.openHolds()).toEqual([])
  expect(at.ledger.balance(caller).held).toBe(ZERO)
})

test('a worker that dies leaves no hold and no occupied slot; its open requests get rows with bounds', async () => {
  await using at = scene(2, 3)
  await at.rules.set({ scope: 'default' }, { concurrent: 3 })
  const [one, two] = at.workers
  if (one === undefined || two === undefined) throw new Error('two workers were started')
  await one.reserve(reservation(100))
  await one.reserve(reservation(200))
  await two.reserve(reservation(300))
  await expect(two.reserve(reservation(1))).rejects.toMatchObject({ code: 'overloaded' })
  one.die()
  await expect.poll(() => at.ledger.openHolds()).toHaveLength(1)
  expect([...at.ledger.entries({})]).toMatchObject([
    { status: 'interrupted', cost: undefined, costLow: 0n, costHigh: 200n },
    { status: 'interrupted', cost: undefined, costLow: 0n, costHigh: 100n },
  ])
  await two.reserve(reservation(1))
  await two.reserve(reservation(1))
  await expect(two.reserve(reservation(1))).rejects.toMatchObject({ code: 'overloaded' })
})

test('a request whose balance can’t be read occupies no slot', async () => {
  await using at = scene(1, 1)
  await at.rules.set({ scope: 'default' }, { concurrent: 1, usd_total: '1' })
  const [worker] = at.workers
  const balance = vi.spyOn(at.ledger, 'balanceIn').mockImplementationOnce(() => {
    throw new Error('the disk is gone')
  })
  await expect(worker?.reserve(reservation(1))).rejects.toMatchObject({ code: 'internal' })
  expect(balance).toHaveBeenCalledOnce()
  await worker?.reserve(reservation(1))
})

test('an invalid rule refuses a request, and the worker can still end', async () => {
  await using at = scene(1)
  await at.rules.set({ scope: 'default' }, { usd_total: 'ten' })
  const [worker] = at.workers
  await expect(worker?.reserve(reservation(1))).rejects.toMatchObject({ code: 'over-budget' })
  await worker?.settled()
})
