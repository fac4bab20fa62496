// What an administrator can read and change over rpc.sock while the broker runs.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connect, type Client, type Params } from '../../src/sdk/index.ts'
import { socketsAt } from '../../src/sdk-node/socket-paths.ts'
import { unixTransport } from '../../src/sdk-node/unix-transport.ts'
import { groqAt, openaiAt, openrouterAt } from '../support/providers-env.ts'
import { inTurn, json, scriptedUpstream, stall } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const messages = [{ role: 'user', content: 'say hi' }]

const whole = {
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 },
}

/** One model at two providers; OpenAI is the first candidate. */
const TWO_ENDPOINTS = `
models:
  shared:
    display_name: Shared
    tier: standard
    capabilities: []
    context_window: 128000
    backends:
      - { provider: openai, model_id: at-openai, priority: 5, input_cost: 1, output_cost: 1 }
      - { provider: groq, model_id: at-groq, priority: 10, input_cost: 2, output_cost: 2 }
`

const clientOf = ({ sockets }: Broker): Client => connect(unixTransport(socketsAt(sockets.folder)))

test('providers.test tries each key of a provider and never prints a refused one', async () => {
  await using upstream = await scriptedUpstream((request) =>
    request.headers.authorization === 'Bearer good-key'
      ? [json(200, { object: 'list', data: [{ id: 'a' }, { id: 'b' }] })]
      : [json(401, { error: { message: 'Incorrect API key provided: bad-key' } })],
  )
  await using broker = await startBroker({ env: openaiAt(upstream, 'good-key,bad-key') })
  const client = clientOf(broker)
  expect(await client.call('providers.test', { provider: 'openai' })).toEqual({
    provider: 'openai',
    ok: false,
    keys: [
      {
        key: 1,
        ok: true,
        ms: expect.any(Number) as number,
        models: 2,
        clock_ahead_s: expect.any(Number) as number,
      },
      {
        key: 2,
        ok: false,
        ms: expect.any(Number) as number,
        clock_ahead_s: expect.any(Number) as number,
        error: 'Incorrect API key provided: ***',
        status: 401,
      },
    ],
  })
  expect(upstream.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /v1/models',
    'GET /v1/models',
  ])
  expect(broker.rows()).toEqual([])

  const providers = await client.call('providers.list')
  expect(providers.find(({ name }) => name === 'openai')).toMatchObject({
    display_name: 'OpenAI',
    state: 'ready',
    keys: 2,
    host: upstream.socketPath,
    is_stand_in: false,
  })
  expect(providers.find(({ name }) => name === 'groq')).toMatchObject({
    state: 'no-key',
    keys: 0,
    key_variables: ['GROQ_API_KEY', 'GROQ_API_KEYS'],
    host: 'api.groq.com',
  })
  expect(providers.find(({ name }) => name === 'local')).toMatchObject({
    is_stand_in: true,
    key_variables: [],
  })
  await expect(client.call('providers.test', { provider: 'groq' })).rejects.toThrow('set GROQ_API_KEY')
  await expect(client.call('providers.test', { provider: 'grok' })).rejects.toMatchObject({
    code: 'not-found',
  })
})

test('providers.test works for the built-in provider', async () => {
  await using broker = await startBroker()
  expect(await clientOf(broker).call('providers.test', { provider: 'local' })).toMatchObject({
    ok: true,
    keys: [{ ok: true }],
  })
})

test('a priority applies from the next request, survives a restart, and null restores that of the file', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, TWO_ENDPOINTS)
  await using openai = await scriptedUpstream([json(200, whole)])
  await using groq = await scriptedUpstream([json(200, whole)])
  const env = { ...openaiAt(openai), ...groqAt(groq), MODELS_CONFIG_PATH: path }
  const servedBy = async (broker: Broker): Promise<unknown> => {
    const answer = await broker.post('/v1/chat/completions', { model: 'shared', messages })
    return (answer.json as { provider: unknown }).provider
  }
  {
    await using broker = await startBroker({ env, folder: folder.path })
    const client = clientOf(broker)
    expect(await servedBy(broker)).toBe('OpenAI')
    expect(await client.call('priority.set', { provider: 'groq', priority: 1 })).toEqual({ groq: 1 })
    expect(await servedBy(broker)).toBe('Groq')
    expect((await client.call('models.list', { search: 'shared' }))[0]?.endpoints).toMatchObject([
      { provider: 'openai', priority: 5 },
      { provider: 'groq', priority: 1 },
    ])
    // A changed models file does not reset it.
    writeFileSync(path, TWO_ENDPOINTS.replace('Shared', 'Renamed'))
    await client.call('config.reload')
    expect(await servedBy(broker)).toBe('Groq')
    await expect(client.call('priority.set', { provider: 'grok', priority: 1 })).rejects.toMatchObject({
      code: 'not-found',
    })
  }
  await using again = await startBroker({ env, folder: folder.path })
  const client = clientOf(again)
  expect(await client.call('priority.list')).toEqual({ groq: 1 })
  expect(await servedBy(again)).toBe('Groq')
  expect(await client.call('priority.set', { provider: 'groq', priority: null })).toEqual({})
  expect(await servedBy(again)).toBe('OpenAI')
})

test('a key added to the secrets file is used after the next reload', async () => {
  await using upstream = await scriptedUpstream([json(200, whole)])
  const { OPENAI_API_KEYS: _none, ...env } = openaiAt(upstream)
  await using broker = await startBroker({ env })
  const client = clientOf(broker)
  const ask = async () =>
    (await broker.post('/v1/chat/completions', { model: 'gpt-4o-mini', messages })).status
  expect(await ask()).toBe(404)
  const path = join(broker.folder, 'v', 'hero_aibroker', '.env')
  writeFileSync(path, 'OPENAI_API_KEYS=key-one,key-two', { mode: 0o600 })
  expect(await client.call('config.reload')).toMatchObject({ keys: 2 })
  expect(await ask()).toBe(200)
  expect(upstream.requests.at(-1)?.headers.authorization).toMatch(/^Bearer key-(one|two)$/)

  writeFileSync(path, 'OPENAI_API_KEY=key-three')
  await client.call('config.reload')
  expect(await ask()).toBe(200)
  expect(upstream.requests.at(-1)?.headers.authorization).toBe('Bearer key-three')

  writeFileSync(path, '')
  await expect(client.call('config.reload')).rejects.toThrow(/\.env has 0 of 1 variables: is it cut off\?/)
  expect(await ask()).toBe(200)
  expect(await client.call('config.reload', { force: true })).toMatchObject({ keys: 0 })
  expect(await ask()).toBe(404)
})

test('a reload names the secrets that take effect at the next start only', async () => {
  await using broker = await startBroker({})
  const client = clientOf(broker)
  const path = join(broker.folder, 'v', 'hero_aibroker', '.env')
  expect(await client.call('config.reload')).not.toHaveProperty('needs_restart')
  writeFileSync(path, 'ADMIN_TOKEN=new', { mode: 0o600 })
  expect(await client.call('config.reload')).toMatchObject({ needs_restart: ['ADMIN_TOKEN'] })
  writeFileSync(path, '')
  expect(await client.call('config.reload', { force: true })).not.toHaveProperty('needs_restart')
})

test('a limit for an address that no request can come from is refused', async () => {
  await using broker = await startBroker({})
  const client = clientOf(broker)
  const { id: token } = await client.call('tokens.create', { label: 'ci' })
  const set = async (subject: Params<'limits.set'>['subject']): Promise<unknown> =>
    (await client.call('limits.set', { subject, rule: { concurrent: 1 } })).subject
  const lab = { scope: 'context', context: 'lab' } as const
  for (const address of ['10.0.0.300', '10.0.0.0/24', 'localhost', '10.0.0.1 lab', '10.0.0.1/64', ''])
    for (const subject of [{ scope: 'address', address } as const, { ...lab, address }])
      await expect(set(subject)).rejects.toMatchObject({
        code: 'bad-request',
        message: expect.stringContaining(`“${address}” is no address`) as string,
      })
  await expect(set({ scope: 'token', token: `${token}x` })).rejects.toMatchObject({ code: 'not-found' })
  expect(await client.call('limits.list')).toEqual([])

  for (const address of ['local', '10.0.0.1', '2001:DB8::1']) await set({ scope: 'address', address })
  await set({ ...lab, address: '::ffff:10.0.0.1' })
  await set({ scope: 'token', token })
  const subjects = (await client.call('limits.list')).map(({ subject }) => subject)
  expect(subjects).toEqual([
    { scope: 'address', address: 'local' },
    { scope: 'address', address: '10.0.0.1' },
    { scope: 'address', address: '2001:db8::1' },
    { ...lab, address: '10.0.0.1' },
    { scope: 'token', token },
  ])
})

test.each([
  ['off', '2001:db8::5', '2001:db8::/64', 'start with AIBROKER_ROLL_UP_64=on'],
  ['on', '2001:DB8:0:0:1::/64', '2001:db8::5', 'say 2001:db8::/64'],
])(
  'with roll-up %s a limit can be set for %s, and one for %s is refused',
  async (rollUp, good, bad, hint) => {
    await using broker = await startBroker({ env: { AIBROKER_ROLL_UP_64: rollUp } })
    const client = clientOf(broker)
    const set = (address: string): Promise<unknown> =>
      client.call('limits.set', { subject: { scope: 'address', address }, rule: { concurrent: 1 } })
    await expect(set(bad)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining(hint) as string,
    })
    for (const address of [good, '10.0.0.1', 'local']) await set(address)
  },
)

test('a time in milliseconds is refused where seconds are expected', async () => {
  await using broker = await startBroker({})
  const client = clientOf(broker)
  const expires_at = Date.now() + 3_600_000
  const refused = { code: 'bad-request', message: expect.stringContaining('in seconds') as string }
  await expect(client.call('tokens.create', { label: 'ci', expires_at })).rejects.toMatchObject(refused)
  await expect(client.call('usage.summary', { since: Date.now() })).rejects.toMatchObject(refused)
})

test('contexts.list shows contexts that sent requests, and a context with an allowlist uses no other provider', async () => {
  await using openai = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: openaiAt(openai) })
  const client = clientOf(broker)
  const ask = async (context: string, model: string) =>
    (
      await broker.post(
        '/v1/chat/completions',
        { model, messages },
        { headers: { 'x-hero-context': context } },
      )
    ).status
  expect(await client.call('contexts.list')).toEqual([])
  await expect(client.call('contexts.get', { context: 'lab' })).rejects.toMatchObject({ code: 'not-found' })
  expect([await ask('lab', 'gpt-4o-mini'), await ask('shop', 'gpt-4o-mini')]).toEqual([200, 200])
  await expect
    .poll(() => client.call('contexts.list'))
    .toMatchObject([
      { context: 'lab', requests: 1, cost_usd: '0.000156', has_socket: false },
      { context: 'shop', requests: 1 },
    ])

  const subject = { scope: 'context', context: 'lab' } as const
  await client.call('limits.set', { subject, rule: { usd_per_day: '5' } })
  expect(await client.call('contexts.pin', { context: 'lab', pin: { models: ['loopback*'] } })).toMatchObject(
    {
      pin: { models: ['loopback*'] },
      addresses: [{ address: 'local', requests: 1 }],
      rules: [{ subject, rule: { usd_per_day: '5', models: ['loopback*'] } }],
    },
  )
  expect([
    await ask('lab', 'gpt-4o-mini'),
    await ask('lab', 'loopback'),
    await ask('shop', 'gpt-4o-mini'),
  ]).toEqual([404, 200, 200])

  // Without its allowlist it keeps its limits.
  expect(await client.call('contexts.pin', { context: 'lab', pin: {} })).toMatchObject({
    rules: [{ subject, rule: { usd_per_day: '5' } }],
  })
  expect(await ask('lab', 'gpt-4o-mini')).toBe(200)
  await expect(
    client.call('contexts.pin', { context: 'lab', pin: { providers: ['openia'] } }),
  ).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('known are') as string })
  await client.call('contexts.pin', { context: 'lab', address: '10.0.0.1', pin: { providers: ['openai'] } })
  expect(await client.call('contexts.delete', { context: 'lab' })).toEqual({ removed: 2 })
  expect(await client.call('contexts.get', { context: 'lab' })).toMatchObject({ rules: [], requests: 3 })
})

test('models.get finds a model by each of its names, and the catalog reports its age', async () => {
  await using openrouter = await scriptedUpstream([json(200, { data: [] })])
  await using broker = await startBroker({ env: openrouterAt(openrouter) })
  const client = clientOf(broker)
  const byName = await client.call('models.get', { model: 'gpt-4o-mini' })
  expect(byName).toMatchObject({ id: 'gpt-4o-mini', endpoints: expect.any(Array) as object[] })
  expect(await client.call('models.get', { model: 'openai/gpt-4o-mini' })).toEqual(byName)
  await expect(client.call('models.get', { model: 'gpt-4o-mimi' })).rejects.toMatchObject({
    code: 'no-such-model',
    message: expect.stringContaining('“gpt-4o-mini”') as string,
  })

  expect(await client.call('catalog.status')).toMatchObject({ automatic: false, lists: [] })
  await client.call('models.refresh')
  const { lists, models_file: file } = await client.call('catalog.status')
  expect(lists).toEqual([
    {
      provider: 'openrouter',
      models: 0,
      tried_at: expect.stringMatching(/^2\d{3}-.*Z$/) as string,
      problem: expect.stringContaining('no list of models') as string,
    },
  ])
  expect(file.problems).toEqual([])
})

test('a reload reports what is wrong with the models file and keeps the last good one', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, TWO_ENDPOINTS)
  await using broker = await startBroker({ env: { MODELS_CONFIG_PATH: path } })
  const client = clientOf(broker)
  writeFileSync(path, TWO_ENDPOINTS.replace('input_cost: 1', 'input_cost: a lot'))
  await expect(client.call('config.reload')).rejects.toThrow(/models\.yml:9:/)
  expect(await client.call('models.list', { search: 'shared' })).toHaveLength(1)
})

test('settings report their source and contain no secret', async () => {
  const env = {
    ADMIN_TOKEN: 'very-secret',
    OPENAI_API_KEY: 'sk-very-secret',
    ROUTING_STRATEGY: 'best',
    AIBROKER_GROQ_URL: 'https://eu.groq.example/v1',
    AIBROKER_GAP_TIMEOUT_MS: '7000',
  }
  await using broker = await startBroker({ env, args: ['--address', '127.0.0.1', '--port', '0'] })
  await expect(clientOf(broker).call('config.get')).rejects.toMatchObject({ code: 'forbidden' })
  const headers = { authorization: 'Bearer very-secret' }
  const client = connect(unixTransport(socketsAt(broker.sockets.folder), { headers }))
  const { settings } = await client.call('config.get')
  expect(JSON.stringify(settings)).not.toContain('very-secret')
  expect(settings).toEqual(
    expect.arrayContaining([
      { name: 'routing_strategy', value: 'best', source: 'environment', variable: 'ROUTING_STRATEGY' },
      { name: 'admin_token', value: '***', source: 'environment', variable: 'ADMIN_TOKEN' },
      { name: 'hero_secret', source: 'default', variable: 'HERO_SECRET' },
      { name: 'address', value: '127.0.0.1', source: 'flag', variable: '--address' },
      { name: 'mother', value: false, source: 'default', variable: '--mother' },
      { name: 'timeout_gap_ms', value: 7000, source: 'environment', variable: 'AIBROKER_GAP_TIMEOUT_MS' },
      {
        name: 'url_groq',
        value: 'https://eu.groq.example/v1',
        source: 'environment',
        variable: 'AIBROKER_GROQ_URL',
      },
    ]),
  )
})

test('a waiting log reader gets the next line when it is written', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, TWO_ENDPOINTS)
  await using broker = await startBroker({ env: { MODELS_CONFIG_PATH: path } })
  const client = clientOf(broker)
  const { next } = await client.call('logs.tail', {})
  const following = client.call('logs.tail', { after: next, wait_s: 30 })
  await client.call('config.reload')
  expect(await following).toMatchObject({
    lines: [
      {
        number: next + 1,
        level: 'info',
        message: 'models file taken up',
        details: { models: expect.any(Number) as number },
      },
    ],
    next: next + 1,
    missed: 0,
  })
  expect(await client.call('logs.tail', { after: next, level: 'error' })).toMatchObject({ lines: [] })
})

test('a stopping broker ends log streams with a message and does not wait for their readers', async () => {
  await using broker = await startBroker()
  const client = clientOf(broker)
  const pages = client.stream('logs.tail', { level: 'info' })
  const { next } = (await pages.next()).value
  await client.call('config.reload')
  expect((await pages.next()).value).toMatchObject({ lines: [{ number: next + 1 }], missed: 0 })

  const startedAt = performance.now()
  broker.signal('SIGTERM')
  const rest = async () => {
    for await (const _page of pages);
  }
  await expect(rest()).rejects.toMatchObject({ code: 'stopping' })
  expect((await broker.ended).exit).toBe(0)
  // A drain gives open requests half a minute.
  expect(performance.now() - startedAt).toBeLessThan(25_000)
})

test('metrics count requests, tokens, cost and failures, over RPC and for Prometheus', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, TWO_ENDPOINTS)
  await using openai = await scriptedUpstream(
    inTurn([json(200, whole)], [json(500, { error: { message: 'no' } })]),
  )
  await using groq = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({
    env: { ...openaiAt(openai), ...groqAt(groq), MODELS_CONFIG_PATH: path },
  })
  const client = clientOf(broker)
  for (const model of ['shared', 'shared', 'no-such-model'])
    await broker.post('/v1/chat/completions', { model, messages })

  await expect
    .poll(() => client.call('metrics.get'))
    .toMatchObject({
      requests: { finished: 2, cancelled: 0, broken: 0, exhausted: 0, failed: 0 },
      tokens: { prompt: 2000, completion: 20 },
      cost_usd: '0.00303',
      unpriced: 0,
      open_requests: 0,
      duration: { count: 2 },
      answers: expect.arrayContaining([
        { door: 'rest', status: 200, count: 2 },
        { door: 'rest', status: 404, count: 1 },
      ]) as object[],
    })
  const { providers } = await client.call('metrics.detailed')
  for (const { keys } of providers) {
    for (const { asked, answered, failed } of keys) expect(asked).toBe(answered + failed)
  }
  expect(providers.find(({ provider }) => provider === 'groq')?.keys).toMatchObject([
    { asked: 1, answered: 1 },
  ])
  expect(providers.find(({ provider }) => provider === 'openai')).toMatchObject({
    keys: [{ key: 1, running: 0, answered: 1, state: expect.any(String) as string }],
    endpoints: [
      {
        endpoint: 'openai/at-openai',
        cost_usd: '0.00101',
        failed_attempts: [{ code: 'upstream-failed', count: expect.any(Number) as number }],
      },
    ],
  })

  const { status, headers, text } = await broker.get('/metrics', { socketPath: broker.sockets.rpc })
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(text).toContain('\naibroker_requests_total{status="finished"} 2\n')
  expect(text).toContain('\naibroker_cost_usd_total 0.00303\n')
  expect(text).toContain(
    '\naibroker_endpoint_tokens_total{provider="groq",endpoint="groq/at-groq",kind="prompt"} 1000\n',
  )
  expect(text).toContain('\naibroker_key_requests_total{provider="groq",key="1",outcome="answered"} 1\n')
  expect(text).toContain('\naibroker_duration_seconds_bucket{le="+Inf"} 2\n')
  expect(text).toContain('\naibroker_http_answers_total{door="rest",status="404"} 1\n')
  expect(invalidMetricLines(text)).toEqual([])
})

/** Lines that do not match the grammar of the exposition format. */
function invalidMetricLines(text: string): string[] {
  const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\n"])*"'
  const sample = new RegExp(`^[a-z_]+(?:\\{${label}(?:,${label})*\\})? [0-9.e+-]+$`)
  const comment = /^# (?:HELP [a-z_]+ .+|TYPE [a-z_]+ (?:counter|gauge|histogram|summary))$/
  return text.split('\n').filter((line) => line !== '' && !sample.test(line) && !comment.test(line))
}

test('ai.chat is routed, priced, recorded, and aborted with its caller like any chat', async () => {
  await using upstream = await scriptedUpstream(inTurn([json(200, whole)], [stall]))
  await using broker = await startBroker({ env: { ...openaiAt(upstream), AIBROKER_HANGUP: 'cut' } })
  const client = clientOf(broker)
  const options = { response_format: { type: 'text' } }
  const answer = await client.call('ai.chat', { messages, model: 'gpt-4o-mini', max_tokens: 7, options })
  expect(answer).toMatchObject({
    id: expect.stringMatching(/^gen-/) as string,
    provider: 'OpenAI',
    choices: [{ message: { content: 'hi' } }],
    usage: { cost: 0.000156 },
  })
  expect((await upstream.received(0)).body).toMatchObject({
    ...options,
    max_completion_tokens: 7,
    stream: false,
  })
  expect(broker.rows()).toMatchObject([{ id: answer.id, model: 'gpt-4o-mini', cost_nano: 156_000 }])

  await expect(client.call('ai.chat', { messages, model: 'no-such-model' })).rejects.toMatchObject({
    code: 'no-such-model',
  })

  const leaving = new AbortController()
  const left = client.call('ai.chat', { messages, model: 'gpt-4o-mini' }, { signal: leaving.signal })
  const second = await upstream.received(1)
  leaving.abort()
  await expect(left).rejects.toThrow('aborted')
  expect(await second.closed).toBe('hung-up')
  await expect.poll(() => broker.rows().map(({ status }) => status)).toEqual(['finished', 'cancelled'])
})

test('a request that a front forwards has no administrator rights', async () => {
  await using broker = await startBroker()
  const call = { jsonrpc: '2.0', id: 1, method: 'config.get' }
  const through = (headers: Record<string, string>) =>
    broker.post('/rpc', call, { socketPath: broker.sockets.rpc, headers })
  expect((await through({})).json).toHaveProperty('result')
  for (const headers of [
    { 'x-forwarded-for': '10.0.0.7' },
    { 'x-hero-context': 'lab' },
    { via: '1.1 front' },
  ])
    expect((await through(headers)).json).toMatchObject({ error: { data: { code: 'forbidden' } } })
  const metrics = await broker.get('/metrics', {
    socketPath: broker.sockets.rpc,
    headers: { 'x-forwarded-for': '10.0.0.7' },
  })
  expect(metrics.status).toBe(403)
})

test('on TCP only a caller with the admin token is an administrator', async () => {
  const call = { jsonrpc: '2.0', id: 1, method: 'config.get' }
  const args = ['--address', '127.0.0.1', '--port', '0']
  {
    await using broker = await startBroker({ args })
    const answer = await broker.post('/rpc', call, { socketPath: undefined, port: broker.port })
    expect(answer.json).toMatchObject({ error: { data: { code: 'forbidden' } } })
  }
  await using broker = await startBroker({ args, env: { ADMIN_TOKEN: 'letmein' } })
  const headers = { authorization: 'Bearer letmein' }
  const answer = await broker.post('/rpc', call, { socketPath: undefined, port: broker.port, headers })
  expect(answer.json).toHaveProperty('result')
})
