// The table “Who may see and do what” of SECURITY.md, row by row, over all routes and methods.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ACCOUNT_AND_MODEL_ROUTES, INFERENCE_ROUTES, ROOT_ROUTES } from '../../src/server/rest/routes.ts'
import { methods, type MethodName } from '../../src/wire/rpc/methods.ts'
import { startBrokerWithProviders, type BrokerWithProviders } from '../faults/broker-with-providers.ts'
import { answers } from '../faults/scripts.ts'
import { program } from '../mcp/support.ts'
import { mcpFile } from '../support/mcp-file.ts'
import { sendRequest, type HttpResponse } from '../support/open-request.ts'
import { json } from '../support/scripted-upstream.ts'
import { wavFile } from '../support/sounds.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

/**
 * `open`: the same for anyone; `inference`: does something for its caller; `media`: the same with a model that
 * is not offered here; `own`: the caller's own figures; `offered`: what the
 * caller may request; `admin`: refused to callers.
 */
type Rule = 'open' | 'inference' | 'media' | 'own' | 'offered' | 'admin'

const REST_RULES: Readonly<Record<string, Rule>> = {
  'POST /chat/completions': 'inference',
  'POST /completions': 'inference',
  'POST /embeddings': 'inference',
  'POST /messages': 'inference',
  'POST /messages/count_tokens': 'offered',
  'POST /models/*': 'inference',
  'POST /responses': 'inference',
  'POST /responses/input_tokens': 'offered',
  'GET /responses/:id': 'own',
  'GET /responses/:id/input_items': 'own',
  'POST /responses/:id/cancel': 'own',
  'DELETE /responses/:id': 'own',
  'POST /audio/speech': 'media',
  'POST /audio/transcriptions': 'media',
  'POST /audio/translations': 'media',
  'POST /rerank': 'media',
  'POST /moderations': 'media',
  'POST /images/generations': 'media',
  'POST /images': 'media',
  'POST /images/edits': 'media',
  'POST /images/variations': 'media',
  'POST /explain': 'offered',
  'POST /quote': 'offered',
  'GET /models': 'offered',
  'GET /models/user': 'offered',
  'GET /models/count': 'offered',
  'GET /models/*': 'offered',
  'GET /model/*': 'offered',
  'GET /embeddings/models': 'offered',
  'GET /providers': 'offered',
  'GET /endpoints/zdr': 'offered',
  'GET /generation': 'own',
  'GET /cascade/outcomes': 'own',
  'POST /cascade/leases': 'own',
  'GET /credits': 'own',
  'GET /key': 'own',
  'GET /auth/key': 'own',
  'GET /billing/usage': 'admin',
  'GET /billing/usage/:ip': 'admin',
  'GET /billing/export.csv': 'admin',
  'GET /billing/export.json': 'admin',
}

const RPC_RULES: Readonly<Record<MethodName, Rule>> = {
  'rpc.discover': 'open',
  health: 'open',
  info: 'offered',
  'models.list': 'offered',
  'models.get': 'offered',
  'models.refresh': 'admin',
  'catalog.status': 'offered',
  'providers.list': 'offered',
  'providers.test': 'admin',
  'providers.health': 'offered',
  'priority.list': 'offered',
  'priority.set': 'admin',
  'mothers.list': 'admin',
  'mothers.add': 'admin',
  'mothers.update': 'admin',
  'mothers.remove': 'admin',
  'ledger.reconcile': 'admin',
  'leases.list': 'admin',
  'leases.held': 'admin',
  'leases.exchange': 'own',
  'leases.end': 'admin',
  'settings.export': 'admin',
  'settings.import': 'admin',
  'mcp.list_tools': 'offered',
  'mcp.call_tool': 'inference',
  'mcp.servers': 'offered',
  'mcp.approve_tool': 'admin',
  'ai.chat': 'inference',
  'ai.embed': 'inference',
  'ai.transcribe': 'media',
  'ai.tts': 'media',
  'usage.summary': 'own',
  'usage.by_address': 'admin',
  'usage.by_context': 'admin',
  'usage.by_token': 'admin',
  'usage.by_model': 'admin',
  'usage.by_day': 'admin',
  'usage.query': 'own',
  'requests.list': 'own',
  'requests.totals': 'own',
  'requests.get': 'own',
  'events.watch': 'own',
  'auth.whoami': 'own',
  'limits.near': 'own',
  'ledger.verify': 'admin',
  'ledger.anchor': 'admin',
  'ledger.rerate': 'admin',
  'limits.list': 'admin',
  'limits.set': 'admin',
  'limits.remove': 'admin',
  'limits.standing': 'own',
  'contexts.list': 'admin',
  'contexts.get': 'admin',
  'contexts.pin': 'admin',
  'contexts.delete': 'admin',
  'tokens.list': 'admin',
  'tokens.create': 'admin',
  'tokens.update': 'admin',
  'tokens.rotate': 'admin',
  'tokens.disable': 'admin',
  'tokens.enable': 'admin',
  'tokens.delete': 'admin',
  'metrics.get': 'admin',
  'metrics.detailed': 'admin',
  'logs.tail': 'admin',
  'config.get': 'admin',
  'config.reload': 'admin',
}

const messages = [{ role: 'user', content: 'hi' }]
const BODIES: Readonly<Record<string, object>> = {
  '/chat/completions': { model: 'm', messages },
  '/completions': { model: 'm', prompt: 'hi' },
  '/embeddings': { model: 'e', input: 'hi' },
  '/audio/speech': { model: 'tts', input: 'hi', voice: 'alloy' },
  '/rerank': { model: 'r', query: 'hi', documents: ['a'] },
  '/moderations': { input: 'hi' },
  '/images': { model: 'i', prompt: 'hi' },
  '/images/generations': { model: 'i', prompt: 'hi' },
  '/messages': { model: 'm', max_tokens: 10, messages },
  '/messages/count_tokens': { model: 'm', messages },
  '/responses': { model: 'm', input: 'hi' },
  '/responses/input_tokens': { model: 'm', input: 'hi' },
  '/models/*': { contents: [{ parts: [{ text: 'hi' }] }] },
  '/explain': { model: 'm', messages },
  '/cascade/leases': { want_usd: '0' },
  '/quote': { model: 'm', messages },
}
const PATHS: Readonly<Record<string, readonly string[]>> = {
  'GET /models/*': ['/models/m', '/models/m/endpoints'],
  'POST /models/*': ['/models/m:generateContent'],
  'GET /model/*': ['/model/m'],
  'GET /billing/usage/:ip': ['/billing/usage/local'],
}
const PARAMS: Readonly<Partial<Record<MethodName, object>>> = {
  'ai.chat': { model: 'm', messages },
  'ai.embed': { model: 'e', input: 'hi' },
  'ai.transcribe': { model: 't', audio: 'UklGRg==', format: 'wav' },
  'ai.tts': { model: 's', input: 'hi' },
  'models.get': { model: 'm' },
  'mcp.call_tool': { name: 'raw__echo', arguments: {} },
  'providers.health': {},
  'limits.standing': {},
  'usage.summary': {},
}

/** Bodies for the toy models of the built-in echo. */
const TOY_MEDIA: Readonly<Record<string, object>> = {
  '/audio/speech': { model: 'loopback-speech', input: 'hi', voice: 'alloy' },
  '/rerank': { model: 'loopback-rerank', query: 'hi', documents: ['a', 'b'] },
  '/moderations': { model: 'loopback-moderation', input: 'hi' },
  '/images': { model: 'loopback-image', prompt: 'hi' },
  '/images/generations': { model: 'loopback-image', prompt: 'hi' },
}

type Headers = Readonly<Record<string, string>>
/** One way to ask the broker something. */
interface Probe {
  readonly name: string
  readonly rule: Rule
  readonly send: (headers: Headers) => Promise<HttpResponse>
}

const ADMIN = { authorization: 'Bearer root' }
const UNPROVEN: Headers = {}

let broker: BrokerWithProviders
let one: { readonly id: string; readonly headers: Headers }
let two: { readonly id: string; readonly headers: Headers }
const folder = tempFolder()

beforeAll(async () => {
  const { env } = mcpFile(
    folder.path,
    { raw: program('raw'), other: program('raw') },
    { policies: [{ contexts: ['narrow'], allow: ['other__*'] }, { allow: ['*'] }] },
  )
  const vector = {
    object: 'list',
    data: [{ index: 0, embedding: [0.5] }],
    usage: { prompt_tokens: 7, total_tokens: 7 },
  }
  broker = await startBrokerWithProviders(
    [
      { script: answers('x') },
      { script: answers('y'), model: 'narrow-model' },
      { script: [json(200, vector)], model: 'e', capabilities: ['embedding'] },
    ],
    { env: { ...env, ADMIN_TOKEN: 'root' } },
  )
  one = await createToken()
  two = await createToken()
}, 30_000)
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

function rpc(method: string, params: object = {}, headers: Headers = ADMIN): Promise<HttpResponse> {
  const body = { jsonrpc: '2.0', id: 1, method, params }
  return sendRequest({ socketPath: broker.daemon.sockets.rpc, method: 'POST', path: '/rpc', headers, body })
}

function rest(method: string, path: string, headers: Headers, body?: object): Promise<HttpResponse> {
  return sendRequest({ socketPath: broker.daemon.sockets.rest, method, path, headers, body })
}

async function result(method: string, params: object = {}, headers: Headers = ADMIN): Promise<unknown> {
  const { json: answer } = await rpc(method, params, headers)
  return (answer as { result?: unknown }).result
}

async function createToken(rule?: object) {
  const created = await result('tokens.create', { label: 't', ...(rule === undefined ? {} : { rule }) })
  const { id, token } = created as { id: string; token: string }
  return { id, headers: { authorization: `Bearer ${token}` } }
}

async function chat(headers: Headers, more: object = {}): Promise<string> {
  const response = await rest('POST', '/v1/chat/completions', headers, {
    ...BODIES['/chat/completions'],
    ...more,
  })
  expect(response.status).toBe(200)
  await broker.daemon.services.ledger.whenWritten()
  return (response.json as { id: string }).id
}

/** Every route and method. */
function probes(generation = 'gen-none'): Probe[] {
  const restProbes = [
    ...INFERENCE_ROUTES.map((route) => ({ ...route, method: 'POST', prefix: '/v1' })),
    ...ACCOUNT_AND_MODEL_ROUTES.map((route) => ({ ...route, prefix: '/v1' })),
    ...ROOT_ROUTES.map((route) => ({ ...route, prefix: '' })),
  ].flatMap(({ method, path, prefix }) =>
    (PATHS[`${method} ${path}`] ?? [path === '/generation' ? `${path}?id=${generation}` : path]).map(
      (concrete): Probe => ({
        name: `${method} ${concrete}`,
        rule: REST_RULES[`${method} ${path}`] ?? 'admin',
        send: (headers) => rest(method, prefix + concrete, headers, BODIES[path]),
      }),
    ),
  )
  const rpcProbes = (Object.keys(methods) as MethodName[]).map((name): Probe => ({
    name,
    rule: RPC_RULES[name],
    send: (headers) => rpc(name, PARAMS[name] ?? methods[name].example.params, headers),
  }))
  const toolProbes: Probe[] = [
    { name: 'GET /mcp/tools', rule: 'offered', send: (headers) => rest('GET', '/mcp/tools', headers) },
    {
      name: 'GET /metrics',
      rule: 'admin',
      send: (headers) =>
        sendRequest({ socketPath: broker.daemon.sockets.rpc, method: 'GET', path: '/metrics', headers }),
    },
  ]
  return [...restProbes, ...rpcProbes, ...toolProbes]
}

const withRule = (...rules: readonly Rule[]) => probes().filter(({ rule }) => rules.includes(rule))

/** Measured performance and clocks change by themselves. */
const VOLATILE =
  /^(as_of|request_id|uptime_.*|latency_.*|throughput_.*|tokens_per_second|success_percent|duration_ms|ms|etag)$/

function stable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !VOLATILE.test(name))
      .map(([name, inner]) => [name, stable(inner)]),
  )
}

/** What a caller sees everywhere, the id of a generation of another caller being hidden. */
async function seenBy(headers: Headers, generation: string): Promise<Record<string, unknown>> {
  const seen: Record<string, unknown> = {}
  for (const { name, rule, send } of probes(generation)) {
    // Its list of endpoints is of those that were used, which is measured performance; an exchange begins a lease.
    if (rule === 'inference' || name === 'providers.health' || /leases/.test(name)) continue
    const { status, json: body } = await send(headers)
    const text = JSON.stringify([status, stable(body)]).replaceAll(generation, 'gen-…')
    seen[name.replace(generation, 'gen-…')] = JSON.parse(text)
  }
  return seen
}

function isRefused({ status, json: body }: HttpResponse): boolean {
  const code = (body as { error?: { data?: { code?: string } } } | undefined)?.error?.data?.code
  return status === 401 || status === 403 || code === 'unauthorized' || code === 'forbidden'
}

test('every route and method has a rule', () => {
  const inference = INFERENCE_ROUTES.map(({ path }) => `POST ${path}`)
  const others = [...ACCOUNT_AND_MODEL_ROUTES, ...ROOT_ROUTES].map(({ method, path }) => `${method} ${path}`)
  const routes = [...inference, ...others]
  expect(Object.keys(REST_RULES).toSorted()).toEqual(routes.toSorted())
  expect(Object.keys(RPC_RULES).toSorted()).toEqual(Object.keys(methods).toSorted())
})

test('nothing that one token does changes what another token of the same address, or no token, sees', async () => {
  await result('limits.set', { subject: { scope: 'token', token: one.id }, rule: { usd_per_day: '5' } })
  const before = [await seenBy(two.headers, 'gen-none'), await seenBy(UNPROVEN, 'gen-none')]
  const generation = await chat(one.headers)
  await chat({ ...one.headers, 'idempotency-key': 'k' })
  await chat({ ...one.headers, 'x-openrouter-cache': 'true' })
  await rest('POST', '/v1/embeddings', one.headers, BODIES['/embeddings'])
  await rpc('mcp.call_tool', PARAMS['mcp.call_tool'], one.headers)
  const after = [await seenBy(two.headers, generation), await seenBy(UNPROVEN, generation)]
  expect(after).toEqual(before)
})

/** A test for each row of the table, by the text of its first cell. */
const ROWS: Readonly<Record<string, () => Promise<void>>> = {
  'Health, manifests and the RPC contract': async () => {
    for (const { send } of withRule('open')) expect(await send(UNPROVEN)).toMatchObject({ status: 200 })
    for (const path of ['/health', '/.well-known/heroservice.json'])
      expect(await rest('GET', path, UNPROVEN)).toMatchObject({ status: 200 })
  },

  'Chats, completions, embeddings, quotes, tool calls': async () => {
    for (const { name, send } of withRule('inference')) {
      const response = await send(two.headers)
      expect([name, response.status]).toEqual([name, 200])
      await broker.daemon.services.ledger.whenWritten()
      const [entry] = [...broker.daemon.services.ledger.entries({ limit: 1 })]
      expect([name, entry?.caller]).toEqual([name, { ip: 'local', context: undefined, token: two.id }])
    }
    for (const { name, send } of withRule('inference', 'media')) {
      const response = await send({ authorization: 'Bearer hb-unknown' })
      expect([name, isRefused(response)]).toEqual([name, true])
    }
  },

  'Sounds, transcripts, rankings, moderations, images': async () => {
    // The built-in echo has each kind, and is offered where no provider is.
    await using toys = await startBroker({ env: { ADMIN_TOKEN: 'root' } })
    const call = { jsonrpc: '2.0', id: 1, method: 'tokens.create', params: { label: 'media' } }
    const created = await toys.post('/rpc', call, { socketPath: toys.sockets.rpc, headers: ADMIN })
    const { id, token } = (created.json as { result: { id: string; token: string } }).result
    const headers = { authorization: `Bearer ${token}`, 'x-hero-context': 'lab' }
    const sound = { data: wavFile(1).toString('base64'), format: 'wav' }
    const rpcCall = (method: string, params: object) =>
      toys.post('/rpc', { ...call, method, params }, { socketPath: toys.sockets.rpc, headers })
    const rpcParams = {
      'ai.tts': { model: 'loopback-speech', input: 'hi' },
      'ai.transcribe': { model: 'loopback-transcription', audio: sound.data, format: 'wav' },
    }
    const sent = [
      ...Object.entries(TOY_MEDIA).map(
        ([path, body]) =>
          () =>
            toys.post(`/v1${path}`, body, { headers }),
      ),
      () =>
        toys.post(
          '/v1/audio/transcriptions',
          { model: 'loopback-transcription', input_audio: sound },
          { headers },
        ),
      ...Object.entries(rpcParams).map(
        ([method, params]) =>
          () =>
            rpcCall(method, params),
      ),
    ]
    for (const send of sent) {
      const before = toys.rows().length
      const response = await send()
      expect([response.status, response.text.slice(0, 300)]).toEqual([
        200,
        expect.not.stringContaining('"error"'),
      ])
      await expect.poll(() => toys.rows().length).toBe(before + 1)
      expect(toys.rows().at(-1)).toMatchObject({ ip: 'local', context: 'lab', token: id })
    }
    expect(new Set(toys.rows().map(({ kind }) => kind)).size).toBe(5)
  },

  'A stored response (`Idempotency-Key`, `X-OpenRouter-Cache`)': async () => {
    for (const replay of [{ 'idempotency-key': 'row' }, { 'x-openrouter-cache': 'true' }])
      for (const { name, send } of withRule('inference')) {
        if (!name.startsWith('POST')) continue
        const before = broker.seen().reduce((sum, count) => sum + count)
        const fresh = await createToken()
        for (const headers of [two.headers, fresh.headers, { ...fresh.headers, 'x-hero-context': 'lab' }])
          for (const time of [1, 2])
            expect([name, time, (await send({ ...headers, ...replay })).status]).toEqual([name, time, 200])
        expect([name, broker.seen().reduce((sum, count) => sum + count) - before]).toEqual([name, 3])
      }
  },

  'One request (`/v1/generation`)': async () => {
    const path = `/v1/generation?id=${await chat(one.headers)}`
    expect(await rest('GET', path, one.headers)).toMatchObject({ status: 200 })
    for (const headers of [
      two.headers,
      UNPROVEN,
      ADMIN,
      { ...one.headers, 'x-hero-context': 'lab' },
      { ...one.headers, 'x-forwarded-for': '10.0.0.1' },
    ])
      expect(await rest('GET', path, headers)).toMatchObject({ status: 404 })
  },

  'A kept response (`/v1/responses/{id}`)': async () => {
    const created = await rest('POST', '/v1/responses', one.headers, BODIES['/responses'])
    const path = `/v1/responses/${(created.json as { id: string }).id}`
    for (const headers of [
      two.headers,
      UNPROVEN,
      ADMIN,
      { ...one.headers, 'x-hero-context': 'lab' },
      { ...one.headers, 'x-forwarded-for': '10.0.0.1' },
    ]) {
      const others = [
        rest('GET', path, headers),
        rest('GET', `${path}/input_items`, headers),
        rest('POST', `${path}/cancel`, headers),
        rest('DELETE', path, headers),
      ]
      for (const response of await Promise.all(others)) expect(response).toMatchObject({ status: 404 })
    }
    expect(await rest('GET', path, one.headers)).toMatchObject({ status: 200 })
  },

  'Usage (`/v1/credits`, `/v1/key`, `usage.summary`)': async () => {
    const fresh = await createToken()
    const requestsOf = async (headers: Headers) => {
      const { totals } = (await result('usage.summary', {}, headers)) as { totals: { requests: number } }
      return totals.requests
    }
    const before = await requestsOf(ADMIN)
    await chat(fresh.headers)
    await chat({ ...fresh.headers, 'x-hero-context': 'lab' })
    const dollars = 0.00002
    expect((await rest('GET', '/v1/credits', fresh.headers)).json).toMatchObject({
      data: { total_usage: dollars },
    })
    for (const path of ['/v1/key', '/v1/auth/key'])
      expect((await rest('GET', path, fresh.headers)).json).toMatchObject({
        data: {
          usage: dollars,
          usage_daily: dollars,
          usage_weekly: dollars,
          usage_monthly: dollars,
          label: fresh.id,
        },
      })
    expect(await requestsOf(fresh.headers)).toBe(1)
    expect(await requestsOf({ ...fresh.headers, 'x-hero-context': 'lab' })).toBe(1)
    expect(await requestsOf({ ...fresh.headers, 'x-hero-context': 'other' })).toBe(0)
    expect(await requestsOf(ADMIN)).toBe(before + 2)
  },

  'Requests and reports (`requests.*`, `usage.query`, `events.watch`)': async () => {
    const fresh = await createToken()
    const id = await chat(fresh.headers)
    const idsOf = async (headers: Headers) => {
      const { rows: listed } = (await result('requests.list', {}, headers)) as {
        rows: { id: string; seq?: number }[]
      }
      return listed.map((row) => [row.id, row.seq !== undefined])
    }
    expect(await idsOf(fresh.headers)).toEqual([[id, false]])
    expect(await idsOf(ADMIN)).toContainEqual([id, true])
    for (const headers of [two.headers, UNPROVEN, { ...fresh.headers, 'x-hero-context': 'lab' }]) {
      expect(JSON.stringify(await idsOf(headers))).not.toContain(id)
      expect((await rpc('requests.get', { id }, headers)).json).toHaveProperty('error')
    }
    expect(await result('requests.get', { id }, fresh.headers)).toMatchObject({ request: { id } })
  },

  'What became of a request for a broker below (`/v1/cascade/outcomes`)': async () => {
    const below = { 'x-aibroker-cascade': '1', 'x-aibroker-request': 'gen-of-a-child.1' }
    await chat({ ...one.headers, ...below })
    const outcomes = async (headers: Headers) => {
      const { json: body } = await rest('GET', '/v1/cascade/outcomes?request=gen-of-a-child', headers)
      return (body as { data: readonly object[] }).data.length
    }
    expect(await outcomes(one.headers)).toBe(1)
    for (const headers of [two.headers, UNPROVEN, ADMIN, { ...one.headers, 'x-forwarded-for': '10.0.0.1' }])
      expect(await outcomes(headers)).toBe(0)
  },

  'A lease (`leases.exchange`, `x-aibroker-lease`)': async () => {
    const lease = (await result('leases.exchange', { want_usd: '0.01' }, one.headers)) as { id: string }
    const under = { 'x-aibroker-cascade': '1', 'x-aibroker-lease': lease.id }
    const chatUnder = async (headers: Headers) =>
      (await rest('POST', '/v1/chat/completions', { ...headers, ...under }, BODIES['/chat/completions']))
        .status
    const exchange = (headers: Headers) =>
      rpc('leases.exchange', { lease: lease.id, known_usd: '0.01', want_usd: '0.01' }, headers)
    for (const headers of [two.headers, UNPROVEN, ADMIN, { ...one.headers, 'x-forwarded-for': '10.0.0.1' }]) {
      expect((await exchange(headers)).json).toMatchObject({ error: { data: { code: 'over-budget' } } })
      const said = { lease: lease.id, known_usd: '0.01', want_usd: '0.01' }
      expect(await rest('POST', '/v1/cascade/leases', headers, said)).toMatchObject({ status: 402 })
      expect(await chatUnder(headers)).toBe(402)
    }
    expect(await chatUnder(one.headers)).toBe(200)
    expect(isRefused(await rpc('leases.end', { lease: lease.id }, one.headers))).toBe(true)
    expect(isRefused(await rpc('leases.list', {}, one.headers))).toBe(true)
    expect(await result('leases.end', { lease: lease.id })).toEqual({ removed: true })
  },

  'Budgets (`limits.near`, `limits.standing`, the limit in `/v1/key`)': async () => {
    const fresh = await createToken({ usd_per_day: '5' })
    const own = [{ name: `token ${fresh.id}`, budget_usd: '5' }]
    expect(await result('limits.standing', {}, fresh.headers)).toMatchObject(own)
    expect(await result('limits.standing', { token: fresh.id }, fresh.headers)).toMatchObject(own)
    expect((await rest('GET', '/v1/key', fresh.headers)).json).toMatchObject({ data: { limit: 5 } })
    for (const params of [{ token: fresh.id }, { address: '10.0.0.1' }, { context: 'lab' }])
      expect(isRefused(await rpc('limits.standing', params, two.headers))).toBe(true)
    expect(await result('limits.standing', { token: fresh.id })).toMatchObject(own)
    const named = async (headers: Headers) => {
      const near = (await result('limits.near', { percent: 0 }, headers)) as { name: string }[]
      return near.map(({ name }) => name)
    }
    expect(await named(fresh.headers)).toContain(`token ${fresh.id}`)
    expect(await named(two.headers)).not.toContain(`token ${fresh.id}`)
    expect(await named(ADMIN)).toContain(`token ${fresh.id}`)
  },

  'Lists of models, providers, endpoints, servers and tools': async () => {
    const pinned = await createToken({ models: ['narrow*'] })
    const tied = await createToken({ providers: ['up1'] })
    for (const { name, send } of withRule('offered')) {
      expect([name, /loopback|"local/i.exec((await send(two.headers)).text)]).toEqual([name, null])
      for (const { headers } of [pinned, tied]) {
        const { status, text } = await send({ ...headers, 'x-hero-context': 'narrow' })
        // A request for a model may name it in its refusal, and an explanation says what is left out.
        if (status === 404 || text.includes('"error"') || text.includes('"excluded"')) continue
        expect([name, /up0\/|"m"|"up2"|"raw|m0/.exec(text)]).toEqual([name, null])
      }
    }
    const { json: list } = await rest('GET', '/v1/models?output_modalities=all', tied.headers)
    expect(list).toMatchObject({ data: [{ id: 'narrow-model' }], total_count: 1 })
    expect(await rest('GET', '/v1/models/m', tied.headers)).toMatchObject({ status: 404 })
    expect(await rest('GET', '/v1/models/m', two.headers)).toMatchObject({ status: 200 })
    expect(await result('models.list', {}, pinned.headers)).toMatchObject([{ id: 'narrow-model' }])
    expect(await result('providers.list', {}, tied.headers)).toMatchObject([{ name: 'up1' }])
  },

  'Sockets, paths, hosts, keys, warnings, counts of other callers (`info`, `catalog.status`, `providers.list`, `providers.health`, `mcp.servers`)':
    async () => {
      for (const { name, send } of withRule('offered', 'own')) {
        const { text } = await send(two.headers)
        expect([name, /\/hero_aibroker|models\.yml|API_KEY|\.sock|sk-x/.exec(text)]).toEqual([name, null])
      }
      expect(await result('info', {}, two.headers)).toMatchObject({ sockets: [], data_dir: '', warnings: [] })
      expect(await result('info')).toMatchObject({ data_dir: expect.stringContaining('/') })
      expect(await result('providers.health', {}, two.headers)).toMatchObject({ keys: [] })
    },

  'Measured performance of endpoints': async () => {
    await chat(one.headers)
    const { endpoints } = (await result('providers.health', {}, two.headers)) as { endpoints: object[] }
    expect(endpoints).toContainEqual(expect.objectContaining({ endpoint: 'up0/m0' }))
    const tied = await createToken({ providers: ['up1'] })
    const seen = (await result('providers.health', {}, tied.headers)) as { endpoints: object[] }
    expect(seen.endpoints).not.toContainEqual(expect.objectContaining({ endpoint: 'up0/m0' }))
  },

  'An MCP session': async () => {
    const accept = { accept: 'application/json, text/event-stream' }
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    }
    const open = await rest(
      'POST',
      '/mcp',
      { ...one.headers, ...accept },
      { jsonrpc: '2.0', id: 1, method: 'initialize', params },
    )
    const id = String(open.headers['mcp-session-id'])
    const list = (headers: Headers) =>
      rest(
        'POST',
        '/mcp',
        { ...headers, ...accept, 'mcp-session-id': id },
        { jsonrpc: '2.0', id: 2, method: 'tools/list' },
      )
    expect(await list(one.headers)).toMatchObject({ status: 200 })
    for (const headers of [two.headers, UNPROVEN, { ...one.headers, 'x-hero-context': 'lab' }])
      expect(await list(headers)).toMatchObject({ status: 404 })
  },

  'Everything else: `/billing`, `/metrics`, `metrics.*`, tokens, limits, contexts, priorities, mothers, leases of others, settings, config, logs, ledger':
    async () => {
      for (const { name, send } of withRule('admin'))
        for (const headers of [UNPROVEN, one.headers, { authorization: 'Bearer sk-dummy' }])
          expect([name, isRefused(await send(headers))]).toEqual([name, true])
      expect(await rest('GET', '/billing/usage', ADMIN)).toMatchObject({ status: 200 })
      expect(await result('metrics.get')).toHaveProperty('requests')
    },
}

const table = readFileSync(join(import.meta.dirname, '..', '..', 'SECURITY.md'), 'utf8')
const rows = [...table.matchAll(/^\| (.+?) \| .+ \| .+ \|$/gm)].map(([, what = '']) => what)
/** Rows whose tests are of that name in other files. */
const ELSEWHERE: Readonly<Record<string, { readonly file: string; readonly test: string }>> = {
  "What a tool does in its caller's name": {
    file: 'daemon/hero-callers.test.ts',
    test: 'is the caller whom its programs act for, with address, context and token',
  },
  'The dashboard': {
    file: 'dashboard/dashboard-server.test.ts',
    test: 'on admin.sock a forwarded request is no administrator, and gets no link',
  },
  'A page in a browser, over TCP': {
    file: 'daemon/browser-pages.test.ts',
    test: 'refuses what a page of another origin sends to',
  },
}

test('every row of the table in SECURITY.md has a test', () => {
  const others = ['what', '---', ...Object.keys(ELSEWHERE)]
  expect(Object.keys(ROWS)).toEqual(rows.filter((what) => !others.includes(what)))
  for (const [row, { file, test: name }] of Object.entries(ELSEWHERE)) {
    expect(rows).toContain(row)
    expect(readFileSync(join(import.meta.dirname, '..', file), 'utf8')).toContain(name)
  }
})

test.each(Object.entries(ROWS))('SECURITY.md: %s', { timeout: 30_000 }, async (_row, run) => {
  await run()
  expect.hasAssertions()
})
