// What the ledger records when attempts fail: which provider may have charged, and how much.
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { parseUsd } from '../../src/base/money.ts'
import { chat } from '../../src/inference/chat.ts'
import type { ResponseSink } from '../../src/inference/response/response-sink.ts'
import type { Daemon } from '../../src/daemon/start.ts'
import { parseChatRequest } from '../../src/wire/openai/chat.ts'
import { jsonBodyOf } from '../../src/wire/json/json-body.ts'
import { sendRequest, openResponse } from '../support/open-request.ts'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  json,
  sse,
  stall,
  usageChunk,
  wait,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBrokerWithProviders, type BrokerWithProviders } from './broker-with-providers.ts'
import { answers, plainResponse, refuses, role, says } from './scripts.ts'

/** Cost of the scripts' whole response: 10 tokens at $1 and 5 at $2 per million. */
const WHOLE = 20_000n
const half: Step[] = [sse(role, chatChunk('Once upon '), chatChunk('a time')), cut]

function rpc({ sockets }: Daemon, method: string, params: object): Promise<unknown> {
  const body = { jsonrpc: '2.0', id: 1, method, params }
  return sendRequest({ socketPath: sockets.rpc, method: 'POST', path: '/rpc', body })
}

function budget({ daemon }: BrokerWithProviders, usd_total: string): Promise<unknown> {
  return rpc(daemon, 'limits.set', { subject: { scope: 'default' }, rule: { usd_total } })
}

test('a provider that went silent may bill the request: its cost is in the upper bound only', async () => {
  await using broker = await startBrokerWithProviders([{ script: [cut] }, { script: answers('fine') }])
  const response = await broker.sendChat({ max_tokens: 50 })
  expect(response.usage?.cost).toBe(0.00002)
  const entry = await broker.entry()
  expect(entry).toMatchObject({ cost: WHOLE, costLow: WHOLE, countSource: 'reported', attemptCount: 2 })
  // All 50 tokens may have been generated, and the hold covers no more.
  expect(entry.costHigh).toBeGreaterThan(WHOLE + 50n * 2000n)
  expect(entry.costHigh).toBeLessThan(WHOLE + 50n * 2000n + 1_000_000n)
  expect(entry.attempts).toMatchObject([{ endpoint: 'up0/m0', code: 'upstream-failed' }])
  expect(Number.isInteger(entry.attempts[0]?.ms)).toBe(true)
})

test('a refused attempt costs nothing, and the cost is exact', async () => {
  await using broker = await startBrokerWithProviders([{ script: refuses(404) }, { script: answers('fine') }])
  await broker.sendChat()
  const entry = await broker.entry()
  expect(entry).toMatchObject({ cost: WHOLE, attemptCount: 2, endpoint: 'up1/m1', model: 'm' })
  expect([entry.costLow, entry.costHigh]).toEqual([undefined, undefined])
})

test('every request that a provider read on a kept connection before it closed it is in an entry with its bound', async () => {
  // Each request on a kept connection is read and then cut off; each on a new one is answered.
  const kept = new WeakSet<object>()
  const answerOnce: Step = (response, closed) => {
    const { socket } = response
    if (socket === null || kept.has(socket)) return cut(response, closed)
    kept.add(socket)
    return answers('fine')[0]?.(response, closed)
  }
  const script = [answerOnce]
  await using broker = await startBrokerWithProviders([
    { script, price: 'input_cost: 0, output_cost: 1000, ' },
  ])
  // Each request costs at most 10 tokens at $1000 per million, and each answer costs $0.005.
  for (let nth = 0; nth < 30; nth++) await broker.sendChat({ max_tokens: 10 })
  const entries = [...broker.daemon.services.ledger.entries({ limit: 100 })]
  const cutOff = (broker.seen()[0] ?? 0) - entries.filter(({ status }) => status === 'finished').length
  expect(cutOff).toBeGreaterThan(3)
  // What the provider may bill for every request that it has read.
  const most = entries.reduce((sum, { cost, costHigh }) => sum + (costHigh ?? cost ?? 0n), 0n)
  expect(most).toBeGreaterThanOrEqual(BigInt(cutOff) * 10_000_000n)
})

test.each([
  ['is cut off', [cut] as Step[], true],
  ['is refused', refuses(400), false],
])(
  'when a later batch of embeddings %s, the batches before stay known, and the lost one is bounded',
  async (_how, lost, isBounded) => {
    await using broker = await startBrokerWithProviders(
      [
        {
          script: (_request, nth) =>
            nth === 0
              ? [
                  json(200, {
                    data: [{ index: 0, embedding: [1] }],
                    usage: { prompt_tokens: 3, total_tokens: 3 },
                  }),
                ]
              : lost,
          row: 'quirks: { most_inputs: 1 }',
        },
      ],
      { modelLine: 'kind: embedding' },
    )
    const body = { model: 'm', input: ['one', 'two and more'] }
    await sendRequest({
      socketPath: broker.daemon.sockets.rest,
      method: 'POST',
      path: '/v1/embeddings',
      body,
    })
    const entry = await broker.entry()
    expect(broker.seen()[0]).toBeGreaterThanOrEqual(2)
    if (isBounded) expect(entry.costHigh).toBeGreaterThan(3_000n)
    else expect([entry.cost, entry.costHigh]).toEqual([3_000n, undefined])
  },
)

test('when no endpoint responds, each silent attempt adds to the upper bound, and one without a price is unpriced', async () => {
  await using broker = await startBrokerWithProviders([{ script: [cut] }, { script: [cut] }])
  expect((await broker.sendChat({ max_tokens: 10 })).status).toBe(502)
  const both = await broker.entry()
  expect(both).toMatchObject({ status: 'failed', cost: undefined, costLow: 0n, endpoint: undefined })
  expect(both.costHigh).toBeGreaterThan(BigInt(both.attemptCount ?? 0) * 10n * 2000n)
  await using unpriced = await startBrokerWithProviders([{ script: [cut], price: '' }])
  await unpriced.sendChat()
  expect(await unpriced.entry()).toMatchObject({ cost: undefined, costHigh: undefined, costSource: 'none' })
  expect(await unpriced.daemon.services.ledger.summary()).toMatchObject({ unpriced: 1, cost: 0n })
})

test('a caller who disconnects before any attempt is billed nothing', async () => {
  await using broker = await startBrokerWithProviders([{ script: answers('too late') }])
  const sink: ResponseSink = {
    id: 'gen-gone',
    start: () => undefined,
    chunk: () => true,
    respond: () => undefined,
    end: () => undefined,
    fail: () => undefined,
    disconnected: true,
    watcher: undefined,
  }
  const body = jsonBodyOf('{"model":"m","messages":[{"role":"user","content":"hi"}]}')
  const caller = { ip: 'local', context: undefined }
  await chat(
    parseChatRequest(body),
    { caller, referer: undefined, title: undefined },
    sink,
    broker.daemon.services,
  )
  expect(broker.seen()).toEqual([0])
  const entry = await broker.entry()
  expect(entry).toMatchObject({ status: 'cancelled', endpoint: undefined, cost: 0n, attemptCount: 0 })
})

test('the maximum cost of a recovery is held before it is sent, and all parts are billed', async () => {
  const gate = Promise.withResolvers<void>()
  await using broker = await startBrokerWithProviders([
    { script: half },
    { script: [wait(gate.promise), ...says('Once upon ', 'a time', ', there was')] },
  ])
  const pending = broker.sendChat({ stream: true, max_tokens: 100 })
  await broker.upstreams[1]?.received(0)
  const { ledger } = broker.daemon.services
  const [hold] = ledger.openHolds()
  // Each attempt may use 100 tokens at $2 per million; the first hold covered only one attempt.
  expect(hold?.maxCost).toBeGreaterThan(2n * 100n * 2000n)
  expect(ledger.balance({ ip: 'local', context: undefined }).held).toBe(hold?.maxCost)
  gate.resolve()
  expect((await pending).text).toBe('Once upon a time, there was')
  const entry = await broker.entry()
  expect(entry).toMatchObject({ status: 'finished', attemptCount: 2 })
  expect(entry.cost).toBeGreaterThan(WHOLE)
  expect(entry.costHigh).toBeLessThanOrEqual(hold?.maxCost ?? 0n)
})

test('a recovery that the budget does not cover is not sent, and the stream ends in its original error', async () => {
  await using broker = await startBrokerWithProviders([
    { script: half },
    { script: says('Once upon a time, …') },
  ])
  await budget(broker, '0.0005')
  const response = await broker.sendChat({ stream: true, max_tokens: 100 })
  expect([response.text, response.finish, response.isDone]).toEqual(['Once upon a time', undefined, false])
  expect(response.error).toBeDefined()
  expect(broker.seen()).toEqual([1, 0])
  expect(await broker.entry()).toMatchObject({ status: 'broken', endpoint: 'up0/m0', attemptCount: 1 })
  await budget(broker, '0.01')
  expect((await broker.sendChat({ stream: true, max_tokens: 100 })).text).toBe('Once upon a time, …')
  expect(broker.seen()).toEqual([2, 1])
})

test('a caller who disconnects during a recovery is billed for both attempts', async () => {
  const env = { AIBROKER_HANGUP: 'cut' }
  await using broker = await startBrokerWithProviders([{ script: half }, { script: [stall] }], { env })
  const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }], stream: true }
  const path = '/v1/chat/completions'
  const answer = await openResponse({ socketPath: broker.daemon.sockets.rest, method: 'POST', path, body })
  await answer.until('a time')
  const recovery = await broker.upstreams[1]?.received(0)
  answer.hangUp()
  expect(await recovery?.closed).toBe('hung-up')
  const entry = await broker.entry()
  expect(entry).toMatchObject({ status: 'cancelled', attemptCount: 2, attempts: [{ endpoint: 'up0/m0' }] })
  const { ledger } = broker.daemon.services
  expect(entry.usage?.prompt).toBeGreaterThan(9)
  expect(entry.costHigh).toBeGreaterThan(entry.cost ?? 0n)
  expect(ledger.openHolds()).toEqual([])
})

test('the upper bound of a model with hidden reasoning is the held amount', async () => {
  for (const [capabilities, isTight] of [
    [['chat', 'reasoning'], false],
    [['chat'], true],
  ] as const) {
    await using broker = await startBrokerWithProviders([{ script: half, capabilities }])
    await broker.sendChat({ stream: true, max_tokens: 50_000, tools: [] })
    const { cost = 0n, costHigh = 0n } = await broker.entry()
    expect(costHigh > 50_000n * 2000n).toBe(!isTight)
    expect(costHigh).toBeGreaterThan(cost)
  }
})

test.each([false, true])(
  'a cost without a price is not reported, even when the provider reports one (streamed: %j)',
  async (stream) => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, cost: 0.5, cost_details: { all: 0.5 } }
    const script = stream
      ? [sse(chatChunk('hi'), finishChunk(), usageChunk(usage), done)]
      : [json(200, { ...plainResponse('hi'), usage })]
    await using broker = await startBrokerWithProviders([{ script, price: '' }])
    const response = await broker.sendChat({ stream })
    expect(response.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 5 })
    expect(response.usage).not.toHaveProperty('cost')
    expect(response.usage).not.toHaveProperty('cost_details')
    expect(response.raw).toContain('"unpriced":true')
    expect(await broker.entry()).toMatchObject({ cost: undefined, costSource: 'none' })
  },
)

test('a response from two endpoints costs what both charged, even after repricing', async () => {
  const [one, other] = ['input_cost: 1, output_cost: 2, ', 'input_cost: 10, output_cost: 20, ']
  await using broker = await startBrokerWithProviders([
    { script: half, price: one },
    { script: says('Once upon ', 'a time', ' there was'), price: other },
  ])
  expect(await broker.sendChat({ stream: true })).toMatchObject({
    isDone: true,
    text: 'Once upon a time there was',
  })
  expect(await broker.entry()).toMatchObject({ endpoint: 'up1/m1', attempts: [{ gavePart: true }] })
  expect(await broker.rpc('ledger.rerate')).toMatchObject({ looked: 1, adjusted: 0, difference_usd: '0' })
})

test('a trial rerate returns what it would book, and books nothing', async () => {
  await using broker = await startBrokerWithProviders([{ script: answers('hi'), price: '' }])
  await broker.sendChat()
  await broker.entry()
  const { services } = broker.daemon
  const { ledger, catalog } = services
  const price = { input: parseUsd('5'), output: parseUsd('10'), source: undefined, date: undefined }
  const { endpoints, ...rest } = catalog()
  const priced = new Map([...endpoints].map(([id, endpoint]) => [id, { ...endpoint, price }]))
  Object.assign(services, { catalog: () => ({ ...rest, endpoints: priced }) })
  expect(await broker.rpc('ledger.rerate', { trial: true })).toMatchObject({ adjusted: 1 })
  expect(await ledger.summary()).toMatchObject({ cost: 0n, unpriced: 1 })
  expect(await broker.rpc('ledger.rerate')).toMatchObject({ adjusted: 1 })
  expect(await ledger.summary()).toMatchObject({ unpriced: 0 })
})

test.each(['input_cost: 1, output_cost: 2, ', ''])(
  'GET /generation returns the corrected cost after a rerate (price before: “%s”)',
  async (before) => {
    await using broker = await startBrokerWithProviders([{ script: answers('hi'), price: before }])
    const { headers } = await broker.sendChat()
    await broker.entry()
    const { ledger } = broker.daemon.services
    const price = { input: parseUsd('5'), output: parseUsd('10'), source: undefined, date: undefined }
    await ledger.reprice({ priceOf: () => price, priceVersion: 'v2', now: Date.now() })
    const path = `/v1/generation?id=${String(headers['x-generation-id'])}`
    const { json: generation } = await sendRequest({
      socketPath: broker.daemon.sockets.rest,
      method: 'GET',
      path,
    })
    expect(await ledger.summary()).toMatchObject({ cost: 100_000n, unpriced: 0 })
    expect(generation).toMatchObject({
      data: { total_cost: 0.0001, usage: 0.0001, upstream_inference_cost: 0.0001 },
    })
    expect(generation).not.toHaveProperty('data.x_aibroker.unpriced')
  },
)

describe('a request that never left this host costs nothing', () => {
  /** It accepts connections and never says a word, so that TLS is never established. */
  async function silentPort(): Promise<{ readonly baseUrl: string } & AsyncDisposable> {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return {
      baseUrl: `https://127.0.0.1:${port}/v1`,
      async [Symbol.asyncDispose]() {
        for (const socket of sockets) socket.destroy()
        await new Promise((resolve) => server.close(resolve))
      },
    }
  }
  const free = { cost: 0n, costLow: undefined, costHigh: undefined, countSource: 'none' }

  test.each([false, true])(
    'when its caller leaves before there is a connection (streamed: %j)',
    async (stream) => {
      await using port = await silentPort()
      for (const row of ['abort_stops_billing: false', 'abort_stops_billing: true']) {
        await using broker = await startBrokerWithProviders([{ script: [], baseUrl: port.baseUrl, row }])
        const leave = broker.openChat(JSON.stringify({ ...hello, stream }))
        await expect.poll(() => broker.daemon.services.ledger.openHolds().length).toBe(1)
        await broker.rpc('info')
        leave()
        expect(await broker.entry()).toMatchObject({ status: 'cancelled', ...free })
      }
    },
  )

  test('when no connection is made in time', async () => {
    await using port = await silentPort()
    const row = 'timeouts: { connect_ms: 100 }'
    await using broker = await startBrokerWithProviders([{ script: [], baseUrl: port.baseUrl, row }])
    expect((await broker.sendChat()).status).toBe(504)
    expect(await broker.entry()).toMatchObject({ status: 'failed', ...free })
  })

  test('when the first token was due before there was a connection', async () => {
    await using port = await silentPort()
    const row = 'timeouts: { connect_ms: 60000, headers_ms: 100, first_token_ms: 100, answer_ms: 100 }'
    await using broker = await startBrokerWithProviders([{ script: [], baseUrl: port.baseUrl, row }])
    expect((await broker.sendChat()).status).toBe(504)
    expect(await broker.entry()).toMatchObject({ status: 'failed', ...free })
  })

  test('when its managed server does not start', async () => {
    const row = 'command: [/nonexistent/server, --at, "{socket}"]'
    await using broker = await startBrokerWithProviders([{ script: [], baseUrl: '', row }])
    expect((await broker.sendChat()).status).toBeGreaterThanOrEqual(502)
    expect(await broker.entry()).toMatchObject({ status: 'failed', ...free })
  })
})

const hello = { model: 'm', messages: [{ role: 'user', content: 'hi' }], max_tokens: 5000 }
