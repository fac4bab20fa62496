// A broker with several worker processes has one ledger.
import { Agent } from 'node:http'
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openResponse, type HttpResponse, type OpenResponse } from '../../support/open-request.ts'
import { groqAt, openaiAt } from '../../support/providers-env.ts'
import {
  chatChunk,
  done,
  finishChunk,
  json,
  scriptedUpstream,
  sse,
  stall,
  usageChunk,
  wait,
} from '../../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const WORKERS = 3
const CHAT = '/v1/chat/completions'
const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: USAGE,
}

interface WorkersOptions {
  readonly env: Readonly<Record<string, string>>
  readonly folder?: string
  readonly args?: readonly string[]
}

const startWorkers = ({ env, folder, args = [] }: WorkersOptions): Promise<Broker> =>
  startBroker({ env, folder, args: ['--workers', `${WORKERS}`, ...args] })

/** Each on a connection of its own, which the workers get in turn. */
function manyAtOnce<T>(count: number, send: (nth: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, nth) => send(nth)))
}

function stream({ sockets }: Broker, body: object = hello): Promise<OpenResponse> {
  return openResponse({
    socketPath: sockets.rest,
    method: 'POST',
    path: CHAT,
    body: { ...body, stream: true },
  })
}

/** The latest process id of each worker, by its number. */
function pidsOf(broker: Broker): ReadonlyMap<number, number> {
  const lines = broker.stderr().split('\n').filter(Boolean)
  const ready = lines.map((line) => JSON.parse(line) as { msg: string; worker: number; workerPid: number })
  return new Map(
    ready.flatMap(({ msg, worker, workerPid }) =>
      msg === 'a worker is ready' ? [[worker, workerPid] as const] : [],
    ),
  )
}

/** Adds the response to `all` when it arrives. */
async function noted(all: HttpResponse[], request: Promise<HttpResponse>): Promise<HttpResponse> {
  const got = await request
  all.push(got)
  return got
}

const statusesOf = (answers: readonly { status: number }[], wanted: number): number =>
  answers.filter(({ status }) => status === wanted).length

test('a budget for ten requests admits ten of 200 concurrent callers', { timeout: 60_000 }, async () => {
  const gate = Promise.withResolvers<void>()
  // The provider reports the maximum usage that the hold covers.
  await using upstream = await scriptedUpstream(({ raw: bytes }) => [
    wait(gate.promise),
    json(200, { ...answer, usage: { prompt_tokens: bytes.length, completion_tokens: 1000 } }),
  ])
  await using broker = await startWorkers({ env: openaiAt(upstream) })
  const body = { ...hello, max_tokens: 1000 }
  const each = (Buffer.byteLength(JSON.stringify(body)) * 0.15 + 1000 * 0.6) / 1e6
  await broker.rpc('limits.set', {
    subject: { scope: 'default' },
    rule: { usd_per_day: (each * 10.5).toFixed(9) },
  })
  const calls = manyAtOnce(200, () => broker.post(CHAT, body))
  await expect.poll(() => upstream.requests.length).toBe(10)
  gate.resolve()
  const answers = await calls
  expect(statusesOf(answers, 200)).toBe(10)
  expect(statusesOf(answers, 402)).toBe(190)
  expect(upstream.requests).toHaveLength(10)
  await expect.poll(() => broker.openHolds()).toBe(0)
  expect(broker.rows()).toHaveLength(10)
})

test('responses that a budget shortens never exceed it, over all workers', { timeout: 60_000 }, async () => {
  await using upstream = await scriptedUpstream(({ raw: bytes, body }) => [
    json(200, {
      ...answer,
      usage: {
        prompt_tokens: bytes.length,
        completion_tokens: (body as { max_tokens?: number }).max_tokens,
      },
    }),
  ])
  await using broker = await startWorkers({ env: openaiAt(upstream) })
  await broker.rpc('limits.set', { subject: { scope: 'default' }, rule: { usd_total: '0.001' } })
  const answers = await manyAtOnce(60, () => broker.post(CHAT, hello))
  expect(statusesOf(answers, 200)).toBeGreaterThan(0)
  expect(statusesOf(answers, 200) + statusesOf(answers, 402)).toBe(60)
  await expect.poll(() => broker.openHolds()).toBe(0)
  const spent = broker.rows().reduce((sum, row) => sum + Number(row['cost_nano']), 0)
  expect(spent).toBeLessThanOrEqual(1_000_000)
})

test(
  'limits on requests per minute and on concurrency hold over all workers',
  { timeout: 60_000 },
  async () => {
    const gate = Promise.withResolvers<void>()
    await using upstream = await scriptedUpstream([wait(gate.promise), json(200, answer)])
    await using broker = await startWorkers({ env: openaiAt(upstream) })
    await broker.rpc('limits.set', { subject: { scope: 'default' }, rule: { concurrent: 7 } })
    await broker.rpc('limits.set', {
      subject: { scope: 'context', context: 'lab' },
      rule: { requests_per_minute: 11, concurrent: 100 },
    })
    const finished: HttpResponse[] = []
    const headers = { 'x-hero-context': 'lab' }
    const atOnce = manyAtOnce(60, () => noted(finished, broker.post(CHAT, hello)))
    const perMinute = manyAtOnce(60, () => noted(finished, broker.post(CHAT, hello, { headers })))
    await expect.poll(() => statusesOf(finished, 429)).toBe(120 - 7 - 11)
    gate.resolve()
    expect(statusesOf(await atOnce, 200)).toBe(7)
    const limited = await perMinute
    expect(statusesOf(limited, 200)).toBe(11)
    expect(upstream.requests).toHaveLength(7 + 11)
    expect(limited.find(({ status }) => status === 429)?.headers).toMatchObject({
      'x-ratelimit-limit-requests': '11',
    })
    // A request that has ended frees its slot, whichever worker served it.
    expect(await broker.post(CHAT, hello)).toMatchObject({ status: 200 })
  },
)

test(
  'requests beyond the maximum of open requests are refused, over all workers',
  { timeout: 60_000 },
  async () => {
    const gate = Promise.withResolvers<void>()
    await using upstream = await scriptedUpstream([wait(gate.promise), json(200, answer)])
    await using broker = await startWorkers({
      env: { ...openaiAt(upstream), AIBROKER_MAX_OPEN_REQUESTS: '9' },
    })
    const finished: HttpResponse[] = []
    const calls = manyAtOnce(40, () => noted(finished, broker.post(CHAT, hello)))
    await expect.poll(() => statusesOf(finished, 503)).toBe(31)
    gate.resolve()
    expect(statusesOf(await calls, 200)).toBe(9)
    expect(upstream.requests).toHaveLength(9)
  },
)

test('the requests per minute of a key hold over all workers', { timeout: 60_000 }, async () => {
  using folder = tempFolder()
  const models = join(folder.path, 'models.yml')
  writeFileSync(
    models,
    `
providers:
  openai: { keys: [{ env: OPENAI_API_KEYS, requests_per_minute: 5 }] }
models:
  gpt-4o-mini:
    backends: [{ provider: openai, model_id: gpt-4o-mini, input_cost: 1, output_cost: 1 }]
`,
  )
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startWorkers({ env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: models } })
  const answers = await manyAtOnce(20, () => broker.post(CHAT, hello))
  expect(statusesOf(answers, 200)).toBe(5)
  expect(upstream.requests).toHaveLength(5)
})

test('a slow stream is hedged, and its worker increases the hold', { timeout: 60_000 }, async () => {
  using folder = tempFolder()
  const models = join(folder.path, 'models.yml')
  writeFileSync(
    models,
    `
providers:
  openai: { abort_stops_billing: true }
models:
  m:
    hedge: true
    backends:
      - { provider: openai, model_id: m, input_cost: 1, output_cost: 1 }
      - { provider: groq, model_id: m, input_cost: 2, output_cost: 2 }
`,
  )
  const quick = [sse(chatChunk('quick'), finishChunk(), usageChunk(USAGE), done)]
  await using slow = await scriptedUpstream((_request, nth) => (nth < 20 ? quick : [stall]))
  await using other = await scriptedUpstream(quick)
  const env = {
    ...openaiAt(slow),
    ...groqAt(other),
    MODELS_CONFIG_PATH: models,
    AIBROKER_HEDGE_PERCENT: '100',
  }
  await using broker = await startWorkers({ env })
  // A connection belongs to one worker, which after twenty responses knows what is slow.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const send = () => broker.post(CHAT, { ...hello, model: 'm', stream: true }, { agent })
  for (let nth = 0; nth < 20; nth++) expect((await send()).text).toContain('quick')
  expect(await send()).toMatchObject({ headers: { 'x-aibroker-tried': 'openai/m, groq/m' } })
  agent.destroy()
  await expect.poll(() => broker.openHolds()).toBe(0)
  const [row] = broker.rows().slice(-1)
  expect(row).toMatchObject({ endpoint: 'groq/m', status: 'finished', cost_nano: 30_000 })
  expect(row?.['cost_high_nano']).toBeGreaterThan(30_000)
  expect(other.requests).toHaveLength(1)
})

test('each request has one row, and every worker reports all of them', { timeout: 60_000 }, async () => {
  await using upstream = await scriptedUpstream(({ body }) =>
    (body as { stream?: boolean }).stream === true
      ? [sse(chatChunk('hi'), finishChunk(), usageChunk(USAGE), done)]
      : [json(200, answer)],
  )
  await using broker = await startWorkers({ env: openaiAt(upstream) })
  const plain = manyAtOnce(30, () => broker.post(CHAT, hello))
  const streamed = manyAtOnce(30, async () => (await stream(broker)).rest())
  const ids = (await plain).map(({ json: body }) => (body as { id: string }).id)
  for (const text of await streamed) ids.push(/"id":"(gen-[^"]+)"/.exec(text)?.[1] ?? '')
  const totals = { requests: 60, prompt_tokens: 600, completion_tokens: 300 }
  const reports = await manyAtOnce(WORKERS * 2, () => broker.get('/billing/usage'))
  for (const { json: usage } of reports)
    expect(usage).toMatchObject({ addresses: [{ ip: 'local', ...totals }] })
  expect(
    broker
      .rows()
      .map(({ id }) => String(id))
      .toSorted((a, b) => a.localeCompare(b)),
  ).toEqual(ids.toSorted((a, b) => a.localeCompare(b)))
  const [id = ''] = ids
  expect((await broker.get(`/v1/generation?id=${id}`)).json).toMatchObject({ data: { id } })
  expect(await broker.rpc('metrics.get')).toMatchObject({ requests: { finished: 60 } })
})

test(
  'repeats with an Idempotency-Key reach the provider once, whichever worker gets them',
  { timeout: 60_000 },
  async () => {
    await using upstream = await scriptedUpstream([json(200, answer)])
    await using broker = await startWorkers({ env: openaiAt(upstream) })
    const headers = { 'idempotency-key': 'once' }
    const answers = await manyAtOnce(12, () => broker.post(CHAT, hello, { headers }))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(upstream.requests).toHaveLength(1)
    await expect.poll(() => broker.rows()).toHaveLength(1)
  },
)

test(
  'a worker that is killed mid-stream breaks only its own streams, and each has its row',
  { timeout: 60_000 },
  async () => {
    const gate = Promise.withResolvers<void>()
    await using upstream = await scriptedUpstream([
      sse(chatChunk('said ')),
      wait(gate.promise),
      sse(chatChunk('on'), finishChunk(), usageChunk(USAGE), done),
    ])
    await using broker = await startWorkers({ env: openaiAt(upstream) })
    await broker.rpc('limits.set', { subject: { scope: 'default' }, rule: { concurrent: 2 * WORKERS } })
    const streams = await manyAtOnce(2 * WORKERS, () => stream(broker))
    await Promise.all(streams.map((one) => one.until('said ')))
    expect(broker.openHolds()).toBe(2 * WORKERS)
    const before = pidsOf(broker)
    expect(before.size).toBe(WORKERS)
    const victim = before.get(1) ?? 0
    process.kill(victim, 'SIGKILL')
    // Two streams were its own: their costs have bounds, and their slots are free.
    await expect.poll(() => broker.openHolds()).toBe(2 * WORKERS - 2)
    await expect.poll(() => pidsOf(broker).get(1)).not.toBe(victim)
    gate.resolve()
    const ends = await Promise.allSettled(streams.map((one) => one.rest()))
    expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(2)
    await expect.poll(() => broker.openHolds()).toBe(0)
    const statuses = broker.rows().map(({ status }) => String(status))
    expect(statuses.toSorted((a, b) => a.localeCompare(b))).toEqual([
      ...Array.from({ length: 4 }, () => 'finished'),
      'interrupted',
      'interrupted',
    ])
    expect(broker.rows().find(({ status }) => status === 'interrupted')).toMatchObject({
      cost_nano: null,
      cost_low_nano: 0,
      count_source: 'bounded',
    })
    const after = await manyAtOnce(WORKERS, () => stream(broker))
    expect(statusesOf(after, 200)).toBe(WORKERS)
    await Promise.all(after.map((one) => one.rest()))
  },
)

test('a stuck worker is killed and restarted, and then delays no change', { timeout: 60_000 }, async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startWorkers({ env: openaiAt(upstream) })
  await expect.poll(() => pidsOf(broker).size).toBe(WORKERS)
  const victim = pidsOf(broker).get(1) ?? 0
  process.kill(victim, 'SIGSTOP')
  const rule = { requests_per_minute: WORKERS }
  // Returns when every worker has the rule, the stuck worker's successor among them.
  await broker.rpc('limits.set', { subject: { scope: 'default' }, rule })
  await expect.poll(() => pidsOf(broker).get(1), { timeout: 10_000 }).not.toBe(victim)
  const answers = await manyAtOnce(2 * WORKERS, () => broker.post(CHAT, hello))
  expect(statusesOf(answers, 200)).toBe(WORKERS)
  expect(broker.stderr()).toContain('a worker does not respond to pings and is killed')
})

test(
  'when the primary is killed its workers exit, and the next broker records their unfinished requests',
  { timeout: 60_000 },
  async () => {
    using folder = tempFolder()
    await using upstream = await scriptedUpstream([sse(chatChunk('said ')), stall])
    const env = openaiAt(upstream)
    const killed = await startWorkers({ env, folder: folder.path })
    const streams = await manyAtOnce(2 * WORKERS, () => stream(killed))
    await Promise.all(streams.map((one) => one.until('said ')))
    const pids = [...pidsOf(killed).values()]
    killed.signal('SIGKILL')
    await killed.ended
    await Promise.allSettled(streams.map((one) => one.rest()))
    await expect.poll(() => pids.filter(isAlive)).toEqual([])
    await using restarted = await startWorkers({ env, folder: folder.path })
    await expect.poll(() => restarted.openHolds()).toBe(0)
    expect(restarted.rows().map(({ status }) => status)).toEqual(streams.map(() => 'interrupted'))
  },
)

test(
  'stopping workers finish their streams and leave no process, hold or socket',
  { timeout: 60_000 },
  async () => {
    using folder = tempFolder()
    const gate = Promise.withResolvers<void>()
    await using upstream = await scriptedUpstream([
      sse(chatChunk('before')),
      wait(gate.promise),
      sse(chatChunk(' after'), finishChunk(), usageChunk(USAGE), done),
    ])
    const broker = await startWorkers({ env: openaiAt(upstream), folder: folder.path })
    const streams = await manyAtOnce(2 * WORKERS, () => stream(broker))
    await Promise.all(streams.map((one) => one.until('before')))
    const pids = [...pidsOf(broker).values()]
    // Terminals and service managers signal all of them.
    for (const pid of [broker.pid, ...pids]) process.kill(pid, 'SIGTERM')
    await expect.poll(() => existsSync(broker.sockets.rest)).toBe(false)
    gate.resolve()
    for (const text of await Promise.all(streams.map((one) => one.rest()))) {
      expect(text).toContain(' after')
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    }
    expect((await broker.ended).exit).toBe(0)
    expect(pids.filter(isAlive)).toEqual([])
    expect(broker.rows().map(({ status }) => status)).toEqual(streams.map(() => 'finished'))
    expect(broker.openHolds()).toBe(0)
  },
)

test(
  'a change by an administrator applies in every worker once the call returns',
  { timeout: 60_000 },
  async () => {
    await using openai = await scriptedUpstream([json(200, answer)])
    await using groq = await scriptedUpstream([json(200, answer)])
    using folder = tempFolder()
    const models = join(folder.path, 'models.yml')
    writeFileSync(models, TWO_ENDPOINTS('shared'))
    await using broker = await startWorkers({
      env: { ...openaiAt(openai), ...groqAt(groq), MODELS_CONFIG_PATH: models },
    })
    const shared = { ...hello, model: 'shared' }
    const { token, id } = (await broker.rpc('tokens.create', { label: 'lab' })) as {
      token: string
      id: string
    }
    const headers = { authorization: `Bearer ${token}` }
    const withToken = () => manyAtOnce(WORKERS * 2, () => broker.post(CHAT, shared, { headers }))
    expect(statusesOf(await withToken(), 200)).toBe(WORKERS * 2)
    expect([openai.requests.length, groq.requests.length]).toEqual([WORKERS * 2, 0])

    await broker.rpc('limits.set', { subject: { scope: 'token', token: id }, rule: { providers: ['groq'] } })
    await withToken()
    expect([openai.requests.length, groq.requests.length]).toEqual([WORKERS * 2, WORKERS * 2])

    await broker.rpc('tokens.disable', { id })
    expect(statusesOf(await withToken(), 401)).toBe(WORKERS * 2)

    writeFileSync(`${models}.new`, TWO_ENDPOINTS('renamed'))
    renameSync(`${models}.new`, models)
    const renamed = { ...hello, model: 'renamed' }
    await expect
      .poll(async () => statusesOf(await manyAtOnce(WORKERS * 2, () => broker.post(CHAT, renamed)), 200))
      .toBe(WORKERS * 2)
    expect(statusesOf(await manyAtOnce(WORKERS * 2, () => broker.post(CHAT, shared)), 404)).toBe(WORKERS * 2)
  },
)

test(
  'over TCP a caller is identified by its address, also where the primary serves the request',
  { timeout: 60_000 },
  async () => {
    await using upstream = await scriptedUpstream([json(200, answer)])
    await using broker = await startWorkers({
      env: openaiAt(upstream),
      args: ['--address', '127.0.0.1', '--port', '0'],
    })
    const over = { socketPath: undefined, port: broker.port }
    const lies = { 'x-aibroker-peer': '10.9.9.9', 'x-forwarded-for': '10.9.9.9' }
    await broker.post(CHAT, hello, { ...over, headers: lies })
    await broker.post(CHAT, hello, { ...over, headers: { ...lies, 'idempotency-key': 'a' } })
    const agent = new Agent({ keepAlive: true })
    expect(await broker.get('/v1/models', { ...over, agent })).toMatchObject({ status: 200 })
    expect(await broker.get('/nowhere', { ...over, agent })).toMatchObject({ status: 404 })
    expect(
      await broker.get('/v1/models', { ...over, agent, headers: { host: 'evil.example' } }),
    ).toMatchObject({
      status: 403,
    })
    agent.destroy()
    await expect.poll(() => broker.rows().map(({ ip }) => ip)).toEqual(['127.0.0.1', '127.0.0.1'])
    expect(await broker.rpc('info')).toMatchObject({ tcp: { port: broker.port } })
  },
)

test('an invalid number of workers is refused', async () => {
  await expect(startBroker({ args: ['--workers', 'many'] })).rejects.toThrow('--workers is “many”')
})

const TWO_ENDPOINTS = (model: string): string => `
models:
  ${model}:
    backends:
      - { provider: openai, model_id: at-openai, priority: 5, input_cost: 1, output_cost: 1 }
      - { provider: groq, model_id: at-groq, priority: 10, input_cost: 2, output_cost: 2 }
`

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
