// Budgets, holds and costs of requests, through the whole daemon.
import { readdirSync, readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openResponse, type OpenResponse } from '../support/open-request.ts'
import { groqAt, openaiAt, openrouterAt } from '../support/providers-env.ts'
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
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { mcpFile } from '../support/mcp-file.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { methods, type MethodName } from '../../src/wire/rpc/methods.ts'

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

function stream(broker: Broker, body: object): Promise<OpenResponse> {
  const path = '/v1/chat/completions'
  return openResponse({
    socketPath: broker.sockets.rest,
    method: 'POST',
    path,
    body: { ...body, stream: true },
  })
}

test('200 concurrent callers never exceed a budget for ten requests', { timeout: 60_000 }, async () => {
  const gate = Promise.withResolvers<void>()
  // The provider reports the maximum usage that the hold covers.
  await using upstream = await scriptedUpstream(({ raw: bytes }) => [
    wait(gate.promise),
    json(200, { ...answer, usage: { prompt_tokens: bytes.length, completion_tokens: 1000 } }),
  ])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const maxTokens = 1000
  const body = { ...hello, max_tokens: maxTokens }
  // gpt-4o-mini: $0.15 and $0.60 a million; the prompt is assumed to have as many tokens as the body has bytes.
  const each = (Buffer.byteLength(JSON.stringify(body)) * 0.15 + maxTokens * 0.6) / 1e6
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

test('max_tokens is capped to what the balance affords, and the response says so', async () => {
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

test('a request whose minimum cost exceeds the budget gets 402 before any provider is called', async () => {
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
  /** At `wait` the script waits until the caller has disconnected. */
  readonly steps: readonly (Step | 'wait')[]
  readonly hangsUp?: boolean
  readonly budget?: string
  /** At a provider that stops billing on an abort, and at one that does not. */
  readonly stops: object
  readonly goesOn: object
}

const output = [chatChunk('one '), chatChunk('two '), chatChunk('three')]
const rest = [finishChunk(), usageChunk(USAGE), done]
const reported = { count_source: 'reported', prompt_tokens: 10, completion_tokens: 5 }
/** “hi” in its frame, and “one two three”. */
const counted = { count_source: 'counted', prompt_tokens: 8, completion_tokens: 3 }
const twice = { count_source: 'counted', prompt_tokens: 16, completion_tokens: 6, attempts: 2 }
/** The second attempt continues the first one's text, so its prompt is longer. */
const thrice = { count_source: 'counted', prompt_tokens: 32, completion_tokens: 9, attempts: 3 }
/** In nano-dollars, at $0.15 and $0.60 a million where an abort stops the billing, at $0.59 and $0.79 where it does not. */
const COSTS = { stops: { reported: 4500, counted: 3000 }, goesOn: { reported: 9850, counted: 7090 } }
const endings: Readonly<Record<string, Ending>> = {
  'is finished': {
    steps: [sse(...output, ...rest)],
    stops: { status: 'finished', ...reported, cost_nano: COSTS.stops.reported },
    goesOn: { status: 'finished', ...reported, cost_nano: COSTS.goesOn.reported },
  },
  'loses its caller': {
    steps: [sse(...output), 'wait', sse(...rest)],
    hangsUp: true,
    stops: { status: 'cancelled', ...counted, cost_nano: COSTS.stops.counted },
    // The stream is read to its end although the caller has disconnected.
    goesOn: { status: 'cancelled', ...reported, cost_nano: COSTS.goesOn.reported },
  },
  'loses its provider': {
    steps: [sse(...output), cut],
    // Two continuations broke at the same point: each is billed.
    stops: { status: 'broken', ...twice, cost_nano: 2 * COSTS.stops.counted },
    goesOn: { status: 'broken', ...thrice, cost_nano: 32 * 590 + 9 * 790 },
  },
  'reaches the limit of its hold': {
    steps: [
      // No tokenizer knows a token of more than 128 characters, so that these have at least 4000.
      sse(...output, ...Array.from({ length: 1000 }, () => chatChunk(' '.repeat(512)))),
      raw(': more\n\n'),
      sse(...rest),
    ],
    budget: '0.0002',
    stops: { status: 'exhausted', finish_reason: 'length' },
    goesOn: { status: 'exhausted', finish_reason: 'length', ...reported, cost_nano: COSTS.goesOn.reported },
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
      // Once another request has its response, the broker has noticed that the first caller disconnected.
      await broker.get('/v1/models')
      left.resolve()
    } else {
      const text = await answer.rest()
      if (ending.budget !== undefined)
        expect(text).toMatch(/"finish_reason":"length"[\s\S]*data: \[DONE\]\n\n$/)
    }
    await expect.poll(() => broker.rows(), { timeout: 10_000 }).toMatchObject([ending[kind]])
    const [row] = broker.rows()
    expect(row).toMatchObject({
      unpriced: 0,
      cost_source: 'price',
      flag: ending.budget === undefined ? null : (expect.stringContaining('budget') as string),
    })
    expect(row?.['cost_nano']).toBeGreaterThan(0)
    if (row?.['count_source'] !== 'reported') {
      expect(row?.['cost_low_nano']).toBeLessThanOrEqual(Number(row?.['cost_nano']))
      expect(row?.['cost_high_nano']).toBeGreaterThanOrEqual(Number(row?.['cost_nano']))
    }
    expect(broker.openHolds()).toBe(0)
  },
)

test('a plausible cost reported by the provider is used; otherwise both figures are recorded, and info warns', async () => {
  const charges = [0.00002, 0.5]
  await using upstream = await scriptedUpstream((_request, nth) => [
    json(200, { ...answer, usage: { prompt_tokens: 100, completion_tokens: 5, cost: charges[nth] } }),
  ])
  await using broker = await startBroker({ env: openrouterAt(upstream) })
  const warnings = async () => ((await broker.rpc('info')) as { warnings: string[] }).warnings.join()
  await broker.post('/v1/chat/completions', hello)
  await expect.poll(() => broker.rows().length).toBe(1)
  expect(await warnings()).not.toContain('far from ours')
  await broker.post('/v1/chat/completions', hello)
  await expect
    .poll(() => broker.rows())
    .toMatchObject([
      {
        cost_nano: 20_000,
        cost_source: 'upstream',
        upstream_cost_nano: 20_000,
        cost_high_nano: null,
        flag: null,
      },
      // 100 tokens at $0.15 and 5 at $0.60 a million.
      { cost_nano: 18_000, cost_low_nano: 18_000, cost_high_nano: 500_000_000, cost_source: 'price' },
    ])
  expect(broker.rows()[1]?.['flag']).toContain('reported a cost of $0.5')
  expect(await warnings()).toContain(
    "in 1 row of the last 24 hours the provider's own figure of the cost is far from ours",
  )
})

test('with hang-up policy cut, a response that is still billed has its hold as the upper bound', async () => {
  await using upstream = await scriptedUpstream([sse(...output), stall])
  await using broker = await startBroker({ env: { ...groqAt(upstream), AIBROKER_HANGUP: 'cut' } })
  const answer = await stream(broker, { ...hello, model: 'groq/llama-3.3-70b-versatile', max_tokens: 5000 })
  await answer.until('three')
  answer.hangUp()
  const received = await upstream.received(0)
  expect(await received.closed).toBe('hung-up')
  await expect.poll(() => broker.rows()).toMatchObject([{ status: 'cancelled', count_source: 'bounded' }])
  const [row] = broker.rows()
  // $0.79 a million.
  expect(row?.['cost_high_nano']).toBeGreaterThan(5000 * 790 - 1)
})

test('the sum of the rows equals billing, usage and the balance', async () => {
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
  const verdict = await broker.rpc('ledger.verify')
  expect(verdict).toMatchObject({ rows: 3, payers: 2 })
  expect(verdict).not.toHaveProperty('broken')
  const csv = await broker.get('/billing/export.csv?context=lab')
  expect(csv.text.trim().split('\r\n')).toHaveLength(3)
  expect(JSON.parse((await broker.get('/billing/export.json')).text)).toHaveLength(3)
})

test('a context with an allowlist uses only the allowed models, also on fallback', async () => {
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

test('a token is limited by its rule; an unknown or disabled token is refused', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const made = (await broker.rpc('tokens.create', { label: 'ci', rule: { requests_per_minute: 1 } })) as {
    id: string
    token: string
  }
  const headers = { authorization: `Bearer ${made.token}` }
  expect((await broker.get('/v1/key', { headers })).json).toMatchObject({ data: { label: made.id } })
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

test('with an admin token set, admin calls and billing require it on Unix sockets too', async () => {
  await using broker = await startBroker({ env: { ADMIN_TOKEN: 'root-canary' } })
  expect((await broker.get('/billing/usage')).status).toBe(401)
  const headers = { authorization: 'Bearer root-canary' }
  expect((await broker.get('/billing/usage', { headers })).status).toBe(200)
  expect(await broker.rpc('limits.list')).toBeUndefined()
})

test('keys appear in no log line, response, database or RPC result', { timeout: 60_000 }, async () => {
  const canary = 'canary-4f1d9c'
  // A careless provider repeats the key it refuses, in plain text and inside other text.
  const leaky = { error: { message: `no such key: ${canary}-key`, code: `${canary}-key` } }
  await using upstream = await scriptedUpstream([json(401, leaky)])
  await using midway = await scriptedUpstream(({ path, headers }) => {
    const message = `used up: ${headers.authorization}`
    return path.endsWith('/models')
      ? [json(403, { error: { message } })]
      : [sse(chatChunk('so '), { error: { message, code: 402 }, choices: [] })]
  })
  await using tools = await scriptedUpstream([
    json(401, { error: `${canary}-mcp` }, { 'www-authenticate': 'Bearer' }),
  ])
  using folder = tempFolder()
  const broken =
    "console.error(process.env.MCP_KEY); console.log('no JSON ' + process.env.MCP_KEY); process.exit(3)"
  const { env: mcpEnv } = mcpFile(folder.path, {
    header: { url: tools.baseUrl, headers: { authorization: `Bearer ${canary}-mcp` } },
    query: { url: `${tools.baseUrl}?api_key=${canary}-mcp` },
    broken: { command: process.execPath, args: ['-e', broken], env: { MCP_KEY: `${canary}-mcp` } },
    variable: { url: tools.baseUrl, headers: { 'x-api-key': '${MCP_VARIABLE}' } },
  })
  const env = {
    ...openaiAt(upstream, `${canary}-key`),
    ...groqAt(midway, `${canary}-key,${canary}-key-2`),
    ...mcpEnv,
    MCP_VARIABLE: `${canary}-mcp`,
    ADMIN_TOKEN: `${canary}-admin`,
    HERO_SECRET: `${canary}-secret`,
    AIBROKER_LOG_LEVEL: 'trace',
  }
  await using broker = await startBroker({ folder: folder.path, env })
  const admin = { authorization: `Bearer ${canary}-admin` }
  const output: string[] = []
  const rpc = async (method: string, params: object = {}): Promise<unknown> => {
    const call = { jsonrpc: '2.0', id: 1, method, params }
    const socketPath = broker.sockets.rpc
    const { text, json: answer } = await broker.post('/rpc', call, { socketPath, headers: admin })
    // The only result that contains a token.
    if (method !== 'tokens.create') output.push(text)
    return (answer as { result?: unknown }).result
  }
  const { token } = (await rpc('tokens.create', { label: 'canary' })) as { token: string }
  const shown = { authorization: `Bearer ${token}` }
  for (const headers of [admin, shown, { authorization: `Bearer ${canary}-wrong` }])
    for (const model of ['gpt-4o-mini', 'groq/llama-3.3-70b-versatile'])
      for (const streamed of [false, true])
        output.push(
          (await broker.post('/v1/chat/completions', { ...hello, model, stream: streamed }, { headers }))
            .text,
        )
  output.push(
    (
      await broker.post(
        '/v1/embeddings',
        { model: 'text-embedding-3-small', input: 'hi' },
        { headers: admin },
      )
    ).text,
  )
  for (const path of [
    '/billing/usage',
    '/billing/export.json',
    '/billing/export.csv',
    '/mcp/tools',
    '/v1/models',
    '/v1/key',
    '/nowhere',
  ])
    for (const headers of [admin, shown]) output.push((await broker.get(path, { headers })).text)
  output.push((await broker.post('/mcp/tools/broken__x', {}, { headers: admin })).text)
  output.push((await broker.get('/metrics', { socketPath: broker.sockets.rpc, headers: admin })).text)
  const { methods: all } = (await rpc('rpc.discover')) as { methods: { name: string }[] }
  // An exchange begins a lease, which is a hold until it ends.
  const harmless = /\.(create|delete|disable|remove|set|reload|approve|exchange)$/
  for (const { name } of all) if (!harmless.test(name)) await rpc(name, paramsOf(name))
  await expect.poll(() => broker.rows().length).toBeGreaterThan(5)
  await expect.poll(() => broker.openHolds()).toBe(0)

  const data = join(broker.folder, 'v')
  const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const kept = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))
  expect(kept.length).toBeGreaterThan(2)
  const everything = [broker.stdout(), broker.stderr(), ...output, ...kept]
  // The surrounding text shows where it leaked.
  const around = new RegExp(`.{0,80}(${canary}|${token}).{0,20}`, 'g')
  expect(everything.flatMap((text) => text.match(around) ?? [])).toEqual([])
})

/** The example of the contract, with names that exist here. */
function paramsOf(method: string): object {
  const { params } = methods[method as MethodName].example
  if (method === 'providers.test') return { provider: 'openai' }
  if (method === 'ai.chat') return hello
  return params
}
