// A budget holds, however the requests that share it end.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseUsd, usdText, money } from '../../src/base/money.ts'
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
  type ReceivedRequest,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBrokerWithProviders, type BrokerWithProviders } from './broker-with-providers.ts'
import { plainResponse, refuses, role } from './scripts.ts'

const OUTCOMES = ['plain', 'stream', 'broken', 'half then whole', 'silent', 'cancelled', 'failed'] as const

/** The most expensive provider: it charges for every token that the request allows, and reports usage whenever it can. */
function mostExpensive(request: ReceivedRequest, nth: number): readonly Step[] {
  const body = request.body as { messages: { content: string }[]; max_tokens: number }
  const usage = { prompt_tokens: request.raw.length, completion_tokens: body.max_tokens }
  const begun = sse(role, chatChunk('so '), chatChunk('far '))
  const whole: Step[] = [begun, sse(finishChunk(), usageChunk(usage), done)]
  const [{ content: outcome } = { content: '' }] = body.messages
  switch (outcome) {
    case 'plain':
      return [json(200, { ...plainResponse('so far'), usage })]
    case 'half then whole':
      return nth % 2 === 0 ? [begun, sse(usageChunk(usage)), cut] : whole
    case 'broken':
    case 'cancelled':
      return [begun, sse(usageChunk(usage)), cut]
    case 'silent':
      return [cut]
    case 'failed':
      return refuses(429, 'slow down', { 'retry-after': '0' })
    default:
      return whole
  }
}

interface Request {
  readonly outcome: (typeof OUTCOMES)[number]
  readonly maxTokens: number
}

const request: fc.Arbitrary<Request> = fc.record({
  outcome: fc.constantFrom(...OUTCOMES),
  maxTokens: fc.integer({ min: 1, max: 300 }),
})

async function sendOne(
  { daemon }: BrokerWithProviders,
  context: string,
  { outcome, maxTokens }: Request,
): Promise<void> {
  const response = await openResponse({
    socketPath: daemon.sockets.rest,
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { 'x-hero-context': context },
    body: {
      model: 'm',
      messages: [{ role: 'user', content: outcome }],
      max_tokens: maxTokens,
      stream: outcome !== 'plain' && outcome !== 'silent',
    },
  })
  if (outcome === 'cancelled' && response.status === 200) {
    // Where the circuits of both providers are open by then, the stream has an error in place of text.
    await response.until('so ').catch(() => undefined)
    response.hangUp()
  } else await response.rest()
}

test(
  'concurrent requests never spend more than their budget, whether they disconnect, break, time out or are retried',
  { timeout: 60_000 },
  async () => {
    await using broker = await startBrokerWithProviders(
      [{ script: mostExpensive }, { script: mostExpensive }],
      {
        env: { AIBROKER_HANGUP: 'cut' },
      },
    )
    const { ledger } = broker.daemon.services
    let nth = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 5, maxLength: 30 }),
        fc.integer({ min: 300_000, max: 5_000_000 }),
        async (requests, nano) => {
          const context = `run-${nth++}`
          const limit = money(BigInt(nano))
          const params = { subject: { scope: 'context', context }, rule: { usd_total: usdText(limit) } }
          const body = { jsonrpc: '2.0', id: 1, method: 'limits.set', params }
          await sendRequest({ socketPath: broker.daemon.sockets.rpc, method: 'POST', path: '/rpc', body })
          // The highest sum of spent and held amounts during the run, sampled every millisecond.
          let highest = 0n
          const watching = setInterval(() => {
            const { spent, held } = ledger.balance({ ip: 'local', context })
            if (spent + held > highest) highest = spent + held
          }, 1)
          await Promise.all(requests.map((one) => sendOne(broker, context, one))).finally(() =>
            clearInterval(watching),
          )
          broker.skip(130_000)
          await broker.entry().catch(() => undefined)
          const rows = [...ledger.entries({ context })]
          const spent = rows.reduce((sum, { cost, costHigh }) => sum + (costHigh ?? cost ?? 0n), 0n)
          expect(spent).toBeLessThanOrEqual(limit)
          expect(highest).toBeLessThanOrEqual(limit)
          expect(ledger.balance({ ip: 'local', context })).toEqual({ spent, held: 0n })
        },
      ),
      { numRuns: 12, endOnFailure: true },
    )
    expect([...ledger.entries({})].some(({ status }) => status === 'finished')).toBe(true)
  },
)

test('an attempt that may be billed without a response prevents a fallback that the budget does not cover', async () => {
  const silent: readonly Step[] = [cut]
  await using broker = await startBrokerWithProviders([{ script: silent }, { script: mostExpensive }])
  const { ledger } = broker.daemon.services
  const run = async (budget: string) => {
    const context = `with-${budget}`
    const params = { subject: { scope: 'context', context }, rule: { usd_total: budget } }
    const body = { jsonrpc: '2.0', id: 1, method: 'limits.set', params }
    await sendRequest({ socketPath: broker.daemon.sockets.rpc, method: 'POST', path: '/rpc', body })
    broker.skip(200_000)
    const messages = [{ role: 'user', content: 'plain' }]
    const { status } = await broker.sendChat({ max_tokens: 200, messages }, { 'x-hero-context': context })
    const entry = await broker.entry()
    return {
      status,
      attemptCount: entry.attemptCount,
      high: entry.costHigh,
      remaining: parseUsd(budget) - ledger.balance(entry.caller).spent,
    }
  }
  // At $2 per million, 200 tokens and the prompt cost a little more than $0.0006.
  const tight = await run('0.001')
  expect(tight).toMatchObject({ status: 502, attemptCount: 1 })
  expect(tight.remaining).toBeGreaterThan(0n)
  const wide = await run('0.01')
  expect(wide).toMatchObject({ status: 200, attemptCount: 2 })
})

/** Plain English has some five characters per token, and each chunk of most providers is a token. */
const ENGLISH = ' wonderful'
const english = (tokens: number): Step => sse(...Array.from({ length: tokens }, () => chatChunk(ENGLISH)))

async function setDefaultBudget(broker: BrokerWithProviders, rule: object): Promise<void> {
  await broker.rpc('limits.set', { subject: { scope: 'default' }, rule })
}

test.each([50, 100, 200])(
  'a stream of %i tokens arrives whole under a budget, and the usage that its provider reports is booked',
  async (tokens) => {
    const usage = { prompt_tokens: 10, completion_tokens: tokens, total_tokens: tokens + 10 }
    await using broker = await startBrokerWithProviders([
      { script: [english(tokens), sse(finishChunk('length'), usageChunk(usage), done)] },
    ])
    await setDefaultBudget(broker, { usd_per_month: '1000' })
    const { text, finish, isDone } = await broker.sendChat({ stream: true, max_tokens: tokens })
    expect({ text, finish, isDone }).toEqual({
      text: ENGLISH.repeat(tokens),
      finish: 'length',
      isDone: true,
    })
    const entry = await broker.entry()
    expect(entry).toMatchObject({ status: 'finished', countSource: 'reported', flag: undefined })
    expect(entry).toMatchObject({ usage: { completion: tokens }, costHigh: undefined })
    expect(entry.cost).toBe(10n * 1000n + BigInt(tokens) * 2000n)
  },
)

test('a provider that goes on beyond max_tokens is relayed as long as the budget has money for what was surely used', async () => {
  // Each chunk has at least four tokens: no tokenizer knows a token of more than 128 characters.
  const long = ' '.repeat(512)
  const chunks = 100
  const usage = { prompt_tokens: 10, completion_tokens: chunks * 4, total_tokens: chunks * 4 + 10 }
  const script = [
    sse(...Array.from({ length: chunks }, () => chatChunk(long))),
    sse(finishChunk(), usageChunk(usage), done),
  ]
  await using broker = await startBrokerWithProviders([{ script }])
  await setDefaultBudget(broker, { usd_total: '0.01' })
  const whole = await broker.sendChat({ stream: true, max_tokens: 10 })
  expect([whole.text.length, whole.finish]).toEqual([chunks * 512, 'stop'])
  expect(await broker.entry()).toMatchObject({ status: 'finished', usage: { completion: chunks * 4 } })
})

test.each([
  { next: 'its end, is finished', more: false, finish: 'stop', status: 'finished' },
  { next: 'further text, is cut', more: true, finish: 'length', status: 'exhausted' },
])('a stream that has surely used up its budget, followed by $next', async ({ more, finish, status }) => {
  const gate = Promise.withResolvers<void>()
  const usage = { prompt_tokens: 10, completion_tokens: 240, total_tokens: 250 }
  // At least 240 tokens, of which the budget affords some 150.
  const script = [
    sse(...Array.from({ length: 60 }, () => chatChunk(' '.repeat(512))), chatChunk('all')),
    wait(gate.promise),
    sse(...(more ? [chatChunk('more')] : []), finishChunk(), usageChunk(usage), done),
  ]
  await using broker = await startBrokerWithProviders([{ script }])
  await setDefaultBudget(broker, { usd_total: '0.0004' })
  const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }], stream: true }
  const path = '/v1/chat/completions'
  const response = await openResponse({
    socketPath: broker.daemon.sockets.rest,
    method: 'POST',
    path,
    body,
  })
  await response.until('all')
  gate.resolve()
  const rest = await response.rest()
  expect(rest.includes('more')).toBe(false)
  expect(rest).toContain(`"finish_reason":"${finish}"`)
  expect(rest).toMatch(/data: \[DONE\]\n\n$/)
  expect(await broker.entry()).toMatchObject({ status, finishReason: finish, countSource: 'reported' })
})

const BODY = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], max_tokens: 5000 })
/** What the provider bills for one of them, at $2 a million tokens of the response. */
const BILLED = 5000n * 2000n

test('callers who leave plain requests cannot spend more than their budget, though the provider finishes and bills them', async () => {
  await using broker = await startBrokerWithProviders(
    [{ script: [stall], row: 'abort_stops_billing: true' }],
    { env: { AIBROKER_HANGUP: 'cut' } },
  )
  await setDefaultBudget(broker, { usd_total: '0.1' })
  const { ledger } = broker.daemon.services
  const upstream = broker.upstreams[0]
  for (let nth = 0; nth < 9; nth++) {
    const leave = broker.openChat(BODY)
    await upstream?.received(nth)
    leave()
    await broker.entry()
  }
  expect((await broker.sendChat({ max_tokens: 5000 })).status).toBe(402)
  const rows = [...ledger.entries({})]
  for (const { status, cost, costHigh } of rows) {
    expect(status).toBe('cancelled')
    expect(costHigh).toBeGreaterThanOrEqual(BILLED)
    expect(cost).toBeLessThan(BILLED)
  }
  const bounded = rows.reduce((sum, { cost = 0n, costHigh = 0n }) => sum + costHigh - cost, 0n)
  const { uncertain, cost } = await ledger.summary()
  expect(uncertain).toBe(bounded)
  expect(ledger.balance({ ip: 'local', context: undefined })).toEqual({ spent: uncertain + cost, held: 0n })
})

test('a plain request whose caller leaves is read to its end, and what its provider reports is booked exactly', async () => {
  const gate = Promise.withResolvers<void>()
  const usage = { prompt_tokens: 10, completion_tokens: 5000 }
  await using broker = await startBrokerWithProviders([
    {
      script: [wait(gate.promise), json(200, { ...plainResponse('all'), usage })],
      row: 'abort_stops_billing: true',
    },
  ])
  await setDefaultBudget(broker, { usd_total: '0.1' })
  const leave = broker.openChat(BODY)
  const request = await broker.upstreams[0]?.received(0)
  leave()
  // Its money stays set aside as long as the provider is at work.
  await broker.rpc('info')
  expect(broker.daemon.services.ledger.openHolds()).toHaveLength(1)
  gate.resolve()
  expect(await request?.closed).toBe('answered')
  const entry = await broker.entry()
  expect(entry).toMatchObject({ status: 'cancelled', countSource: 'reported', costHigh: undefined })
  expect(entry.cost).toBe(10_000n + BILLED)
})

test('a provider that is known to stop plain requests is disconnected', async () => {
  const row = 'abort_stops_billing: true, abort_stops_plain_billing: true'
  await using broker = await startBrokerWithProviders([{ script: [stall], row }])
  const leave = broker.openChat(BODY)
  const request = await broker.upstreams[0]?.received(0)
  leave()
  expect(await request?.closed).toBe('hung-up')
  expect(await broker.entry()).toMatchObject({ status: 'cancelled', countSource: 'counted' })
})

test('running totals of a stream that is cut are a lower bound of what its provider bills', async () => {
  const usage = { prompt_tokens: 10, completion_tokens: 2 }
  const total = chatChunk('so far', { usage })
  for (const row of ['abort_stops_billing: true', 'abort_stops_billing: false']) {
    await using broker = await startBrokerWithProviders([{ script: [sse(total), stall], row }], {
      env: { AIBROKER_HANGUP: 'cut' },
    })
    const path = '/v1/chat/completions'
    const body = { ...JSON.parse(BODY), stream: true } as object
    const { rest } = broker.daemon.sockets
    const response = await openResponse({ socketPath: rest, method: 'POST', path, body })
    await response.until('so far')
    response.hangUp()
    const entry = await broker.entry()
    expect(entry.countSource).not.toBe('reported')
    expect(entry.costLow).toBeGreaterThanOrEqual(10n * 1000n + 2n * 2000n)
    // The model may reason out of sight, up to the maximum of the request.
    expect(entry.costHigh).toBe(10n * 1000n + BILLED)
  }
})

test('embeddings in parts whose caller leaves cost what was sent: no further part is, and a part that is cut is uncertain', async () => {
  const usage = { prompt_tokens: 7, total_tokens: 7 }
  const part = json(200, { object: 'list', data: [{ index: 0, embedding: [0.5] }], usage })
  for (const policy of ['drain', 'cut']) {
    const gate = Promise.withResolvers<void>()
    await using broker = await startBrokerWithProviders(
      [
        {
          script: (_request, nth) => (nth === 0 ? [part] : [wait(gate.promise), part]),
          row: 'abort_stops_billing: true, quirks: { most_inputs: 1 }',
          capabilities: ['embedding'],
        },
      ],
      { env: { AIBROKER_HANGUP: policy } },
    )
    const body = JSON.stringify({ model: 'm', input: ['one', 'two', 'three'] })
    const leave = broker.openChat(body, '/v1/embeddings')
    const second = await broker.upstreams[0]?.received(1)
    leave()
    if (policy === 'cut') expect(await second?.closed).toBe('hung-up')
    else await broker.rpc('info')
    gate.resolve()
    const entry = await broker.entry()
    expect(broker.seen()).toEqual([2])
    if (policy === 'drain') {
      expect(entry).toMatchObject({ status: 'cancelled', countSource: 'reported', cost: 14_000n })
      expect(entry.costHigh).toBeUndefined()
    } else {
      expect(entry.costLow).toBeGreaterThanOrEqual(7000n)
      expect(entry.costHigh).toBeGreaterThanOrEqual(14_000n)
    }
  }
})

test('a stream that the broker stops waiting for may be billed to its maximum by a provider that goes on', async () => {
  const script = [sse(role, chatChunk('so far')), stall]
  await using broker = await startBrokerWithProviders([
    { script, row: 'timeouts: { gap_ms: 50 }', capabilities: ['chat'] },
  ])
  await broker.sendChat({ stream: true, max_tokens: 5000, tools: [] })
  const entry = await broker.entry()
  expect(entry).toMatchObject({ status: 'broken', countSource: 'bounded' })
  expect(entry.costHigh).toBeGreaterThanOrEqual(BILLED)
})
