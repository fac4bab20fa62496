// What a request may cost and what it did cost, through the whole daemon.
import { readdirSync, readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openAsk, type OpenAnswer } from '../../support/ask.ts'
import { groqAt, openaiAt } from '../../support/providers-env.ts'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  json,
  raw,
  scriptedUpstream,
  sse,
  stall,
  usageChunk,
  wait,
  type Step,
} from '../../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../../support/start-broker.ts'

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: USAGE,
}

function limit(broker: Broker, rule: object, subject: object = { scope: 'default' }): Promise<unknown> {
  return broker.rpc('limits.set', { subject, rule })
}

function stream(broker: Broker, body: object): Promise<OpenAnswer> {
  const path = '/v1/chat/completions'
  return openAsk({ socketPath: broker.sockets.rest, method: 'POST', path, body: { ...body, stream: true } })
}

test('200 callers at once never spend more than a budget that fits ten', { timeout: 60_000 }, async () => {
  const gate = Promise.withResolvers<void>()
  // Bills every token that the hold was for: the worst that a provider can do.
  await using upstream = await scriptedUpstream(({ raw: bytes }) => [
    wait(gate.promise),
    json(200, { ...answer, usage: { prompt_tokens: bytes.length, completion_tokens: 1000 } }),
  ])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const most = 1000
  const body = { ...hello, max_tokens: most }
  // gpt-4o-mini: $0.15 and $0.60 a million; the prompt is taken for as many tokens as the body has bytes.
  const each = (Buffer.byteLength(JSON.stringify(body)) * 0.15 + most * 0.6) / 1e6
  await limit(broker, { usd_per_day: (each * 10.5).toFixed(9) })
  const agent = new Agent({ maxSockets: 200 })
  const calls = Array.from({ length: 200 }, () => broker.post('/v1/chat/completions', body, { agent }))
  await expect.poll(() => upstream.requests.length).toBe(10)
  const refused = calls.length - 10
  gate.resolve()
  const statuses = (await Promise.all(calls)).map(({ status }) => status)
  agent.destroy()
  expect(statuses.filter((status) => status === 402)).toHaveLength(refused)
  expect(upstream.requests).toHaveLength(10)
  await expect.poll(() => broker.openHolds()).toBe(0)
  const spent = broker.rows().reduce((sum, row) => sum + Number(row['cost_nano']), 0)
  expect(spent).toBeGreaterThan(0)
  expect(spent).toBeLessThanOrEqual(each * 10.5 * 1e9)
})

test('an answer is asked for no longer than the balance affords, and says so', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await limit(broker, { usd_total: '0.001' })
  const { status, headers, text } = await broker.post('/v1/chat/completions', hello)
  expect(status).toBe(200)
  const { body } = await upstream.received(0)
  const { max_completion_tokens: tokens } = body as { max_completion_tokens: number }
  expect(tokens).toBeGreaterThan(1000)
  expect(tokens * 600).toBeLessThanOrEqual(1_000_000)
  expect(headers['x-aibroker-limited']).toBe(`max_tokens=${tokens}; budget=total`)
  expect(JSON.parse(text)).toMatchObject({ x_aibroker: { limited: { max_tokens: tokens } } })
})

test('a request whose least cost is not covered gets 402 and reaches nobody', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await limit(broker, { usd_total: '0.000001' })
  const { status, text } = await broker.post('/v1/chat/completions', hello)
  expect(status).toBe(402)
  expect(text).toContain('local has $0.000001 left in total')
  const named = await broker.post('/v1/chat/completions', { ...hello, max_tokens: 10_000 })
  expect(named.status).toBe(402)
  expect(upstream.requests).toEqual([])
  expect(broker.rows()).toEqual([])
})

interface Ending {
  /** At `wait` the script waits until the caller is gone. */
  readonly steps: readonly (Step | 'wait')[]
  readonly hangsUp?: boolean
  readonly budget?: string
  /** At a provider whose billing an abort stops, and at one that goes on. */
  readonly stops: object
  readonly goesOn: object
}

const said = [chatChunk('one '), chatChunk('two '), chatChunk('three')]
const rest = [finishChunk(), usageChunk(USAGE), done]
const reported = { count_source: 'reported', prompt_tokens: 10, completion_tokens: 5 }
const endings: Readonly<Record<string, Ending>> = {
  'is finished': {
    steps: [sse(...said, ...rest)],
    stops: { status: 'finished', ...reported },
    goesOn: { status: 'finished', ...reported },
  },
  'loses its caller': {
    steps: [sse(...said), 'wait', sse(...rest)],
    hangsUp: true,
    stops: { status: 'cancelled', count_source: 'counted' },
    goesOn: { status: 'cancelled', ...reported },
  },
  'loses its provider': {
    steps: [sse(...said), cut],
    stops: { status: 'broken', count_source: 'counted' },
    goesOn: { status: 'broken', count_source: 'counted' },
  },
  'reaches the limit of its hold': {
    steps: [
      sse(...said, ...Array.from({ length: 400 }, () => chatChunk('and on and on '))),
      raw(': more\n\n'),
      sse(...rest),
    ],
    budget: '0.0002',
    stops: { status: 'exhausted', finish_reason: 'length' },
    goesOn: { status: 'exhausted', finish_reason: 'length' },
  },
}

const cases = Object.entries(endings).flatMap(([name, ending]) => [
  { name, ending, kind: 'stops' as const },
  { name, ending, kind: 'goesOn' as const },
])

test.each(cases)(
  'a stream that $name leaves one settled row and no hold ($kind)',
  async ({ ending, kind }) => {
    const left = Promise.withResolvers<void>()
    await using upstream = await scriptedUpstream(
      ending.steps.map((step) => (step === 'wait' ? wait(left.promise) : step)),
    )
    const model = kind === 'stops' ? 'gpt-4o-mini' : 'groq/llama-3.3-70b-versatile'
    await using broker = await startBroker({ env: kind === 'stops' ? openaiAt(upstream) : groqAt(upstream) })
    if (ending.budget !== undefined) await limit(broker, { usd_total: ending.budget })
    const answer = await stream(broker, { ...hello, model })
    if (ending.hangsUp === true) {
      await answer.until('three')
      answer.hangUp()
      // Another request through the same loop: by its answer the broker has seen the first one leave.
      await broker.get('/v1/models')
      left.resolve()
    } else {
      const text = await answer.rest()
      if (ending.budget !== undefined)
        expect(text).toMatch(/"finish_reason":"length"[\s\S]*data: \[DONE\]\n\n$/)
    }
    await expect.poll(() => broker.rows(), { timeout: 10_000 }).toMatchObject([ending[kind]])
    const [row] = broker.rows()
    expect(row?.['cost_nano']).toBeGreaterThan(0)
    if (row?.['count_source'] !== 'reported') {
      expect(row?.['cost_low_nano']).toBeLessThanOrEqual(Number(row?.['cost_nano']))
      expect(row?.['cost_high_nano']).toBeGreaterThanOrEqual(Number(row?.['cost_nano']))
    }
    expect(broker.openHolds()).toBe(0)
  },
)

test('cut instead of drained, an answer that is billed on has the hold for its upper bound', async () => {
  await using upstream = await scriptedUpstream([sse(...said), stall])
  await using broker = await startBroker({ env: { ...groqAt(upstream), AIBROKER_HANGUP: 'cut' } })
  const answer = await stream(broker, { ...hello, model: 'groq/llama-3.3-70b-versatile', max_tokens: 5000 })
  await answer.until('three')
  answer.hangUp()
  const asked = await upstream.received(0)
  expect(await asked.closed).toBe('hung-up')
  await expect.poll(() => broker.rows()).toMatchObject([{ status: 'cancelled', count_source: 'bounded' }])
  const [row] = broker.rows()
  // $0.79 a million.
  expect(row?.['cost_high_nano']).toBeGreaterThan(5000 * 790 - 1)
})

test('the sum of the rows is what billing, usage and the balance say', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  for (const context of ['lab', 'lab', 'shop']) {
    await broker.post('/v1/chat/completions', hello, { headers: { 'x-hero-context': context } })
  }
  await expect.poll(() => broker.rows().length).toBe(3)
  const sum = broker.rows().reduce((total, row) => total + Number(row['cost_nano']), 0)
  const usd = (nano: number) => (nano / 1e9).toFixed(9).replace(/0+$/, '')
  const billing = await broker.get('/billing/usage')
  expect(JSON.parse(billing.text)).toMatchObject({
    addresses: [{ ip: 'local', requests: 3, cost_usd: usd(sum) }],
  })
  const own = await broker.get('/billing/usage/local')
  expect(JSON.parse(own.text)).toMatchObject({
    contexts: [
      { context: 'lab', requests: 2 },
      { context: 'shop', requests: 1 },
    ],
    days: [{ requests: 3, cost_usd: usd(sum) }],
  })
  expect(JSON.parse((await broker.get('/billing/usage?context=shop')).text)).toMatchObject({
    addresses: [{ requests: 1 }],
  })
  expect(await broker.rpc('usage.by_context')).toMatchObject([{ context: 'lab' }, { context: 'shop' }])
  expect(await broker.rpc('ledger.verify')).toEqual({ rows: 3, payers: 2 })
  const csv = await broker.get('/billing/export.csv?context=lab')
  expect(csv.text.trim().split('\r\n')).toHaveLength(3)
  expect(JSON.parse((await broker.get('/billing/export.json')).text)).toHaveLength(3)
})

test('a pinned context gets what it may, and no fallback leads out', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await limit(broker, { providers: ['local'] }, { scope: 'context', context: 'lab' })
  const headers = { 'x-hero-context': 'lab' }
  const refused = await broker.post('/v1/chat/completions', hello, { headers })
  expect(refused.status).toBe(404)
  expect(refused.text).toContain('pinned to the providers local')
  const auto = await broker.post('/v1/chat/completions', { ...hello, model: 'auto' }, { headers })
  expect(JSON.parse(auto.text)).toMatchObject({ x_aibroker: { provider: 'Loopback (built-in echo)' } })
  expect(upstream.requests).toEqual([])
  expect((await broker.post('/v1/chat/completions', hello)).status).toBe(200)
})

test('a token is bound by its rule; shown in vain it is refused', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const made = (await broker.rpc('tokens.create', { label: 'ci', rule: { requests_per_minute: 1 } })) as {
    id: string
    token: string
  }
  const headers = { authorization: `Bearer ${made.token}` }
  const first = await broker.post('/v1/chat/completions', hello, { headers })
  expect(first.headers).toMatchObject({
    'x-ratelimit-limit-requests': '1',
    'x-ratelimit-remaining-requests': '0',
  })
  const second = await broker.post('/v1/chat/completions', hello, { headers })
  expect(second.status).toBe(429)
  expect(Number(second.headers['retry-after'])).toBeGreaterThan(0)
  await expect.poll(() => broker.rows()).toMatchObject([{ token: made.id }])
  await broker.rpc('tokens.disable', { id: made.id })
  expect((await broker.post('/v1/chat/completions', hello, { headers })).status).toBe(401)
  expect(JSON.stringify(await broker.rpc('tokens.list'))).not.toContain(made.token)
})

test('with an admin token the admin calls and billing ask for it, on Unix sockets too', async () => {
  await using broker = await startBroker({ env: { ADMIN_TOKEN: 'root-canary' } })
  expect((await broker.get('/billing/usage')).status).toBe(401)
  const headers = { authorization: 'Bearer root-canary' }
  expect((await broker.get('/billing/usage', { headers })).status).toBe(200)
  expect(await broker.rpc('limits.list')).toBeUndefined()
})

test('a key is found in no log line, no answer, no database and no RPC result', async () => {
  const canary = 'canary-4f1d9c'
  // The worst provider repeats the key it refuses.
  await using upstream = await scriptedUpstream(({ headers }) => [
    json(401, { error: { message: `no such key: ${headers.authorization}` } }),
  ])
  const env = {
    ...openaiAt(upstream, `${canary}-key`),
    ADMIN_TOKEN: `${canary}-admin`,
    HERO_SECRET: `${canary}-secret`,
    AIBROKER_LOG_LEVEL: 'trace',
  }
  await using broker = await startBroker({ env })
  const headers = { authorization: `Bearer ${canary}-admin` }
  const said = [
    await broker.post('/v1/chat/completions', hello, { headers }),
    await broker.post('/v1/chat/completions', { ...hello, stream: true }, { headers }),
    await broker.get('/billing/usage', { headers }),
    await broker.get('/billing/export.json', { headers }),
    await broker.get('/billing/usage', { headers: { authorization: `Bearer ${canary}-wrong` } }),
  ]
  for (const method of ['info', 'models.list', 'usage.summary'])
    said.push({ text: JSON.stringify(await broker.rpc(method)) } as never)
  await expect.poll(() => broker.rows().length).toBeGreaterThan(0)
  const data = join(broker.folder, 'v', 'hero_aibroker')
  const files = readdirSync(data).map((name) => readFileSync(join(data, name), 'latin1'))
  const everything = [broker.stdout(), broker.stderr(), ...said.map(({ text }) => text), ...files]
  expect(everything.filter((text) => text.includes(canary))).toEqual([])
})
