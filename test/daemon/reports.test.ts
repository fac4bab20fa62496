// The methods of a dashboard on a real broker: an administrator sees everything, a caller its own.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { request } from 'node:http'
import { startBrokerWithProviders, type BrokerWithProviders } from '../faults/broker-with-providers.ts'
import { answers } from '../faults/scripts.ts'
import { sendRequest } from '../support/open-request.ts'
import { eventsIn } from '../../src/wire/sse.ts'
import { json } from '../support/scripted-upstream.ts'

type Headers = Readonly<Record<string, string>>
interface Listed {
  readonly rows: { id: string; model: string; status: string; cost_usd?: string; token?: string }[]
  readonly next?: string
  readonly as_of: string
}

let broker: BrokerWithProviders
let one: { id: string; headers: Headers }
let two: { id: string; headers: Headers }
const ADMIN = { authorization: 'Bearer root' }

beforeAll(async () => {
  broker = await startBrokerWithProviders(
    [{ script: answers('x') }, { script: [json(500, { error: 'no' })], model: 'broken' }],
    { env: { ADMIN_TOKEN: 'root' } },
  )
  one = await token()
  two = await token({ usd_per_day: '1' })
  for (let n = 0; n < 5; n++) await chat(one.headers)
  await chat(two.headers, 'broken')
  await chat({ ...ADMIN, 'x-hero-context': 'lab' })
}, 30_000)
afterAll(() => broker[Symbol.asyncDispose]())

async function call(method: string, params: object = {}, headers: Headers = ADMIN): Promise<unknown> {
  const body = { jsonrpc: '2.0', id: 1, method, params }
  const { json: reply } = await sendRequest({
    socketPath: broker.daemon.sockets.rpc,
    method: 'POST',
    path: '/rpc',
    headers,
    body,
  })
  const { result, error } = reply as { result?: unknown; error?: { data: { code: string } } }
  return error === undefined ? result : { error: error.data.code }
}

async function token(rule?: object) {
  const made = await call('tokens.create', { label: 't', ...(rule === undefined ? {} : { rule }) })
  const { id, token } = made as { id: string; token: string }
  return { id, headers: { authorization: `Bearer ${token}` } }
}

async function chat(headers: Headers, model = 'm'): Promise<void> {
  const body = { model, messages: [{ role: 'user', content: 'hi' }] }
  await sendRequest({
    socketPath: broker.daemon.sockets.rest,
    method: 'POST',
    path: '/v1/chat/completions',
    headers,
    body,
  })
}

const list = async (params: object = {}, headers?: Headers) =>
  (await call('requests.list', params, headers)) as Listed

test('an administrator pages through all requests, and each page has its cursor', async () => {
  const all = await list({ limit: 200 })
  expect(all.rows).toHaveLength(7)
  const first = await list({ limit: 3 })
  const second = await list({ limit: 200, cursor: first.next })
  expect([...first.rows, ...second.rows].map(({ id }) => id)).toEqual(all.rows.map(({ id }) => id))
  expect(second.next).toBeUndefined()
  expect(await call('requests.list', { cursor: first.next, filter: { model: ['m'] } })).toEqual({
    error: 'bad-request',
  })
  expect(await call('requests.list', { cursor: 'nonsense' })).toEqual({ error: 'bad-request' })
})

test('a failed request has its caller, its model and its attempts', async () => {
  const { rows } = await list({ filter: { status: ['failed'] } })
  expect(rows).toMatchObject([{ model: 'broken', token: two.id, status: 'failed' }])
  const request = await call('requests.get', { id: rows[0]?.id })
  expect(request).toMatchObject({
    request: { model: 'broken' },
    attempts: [{ status: 500 }, { status: 500 }],
  })
})

test('a caller sees its own requests alone, by whatever method and filter', async () => {
  const none = (await list({}, two.headers)).as_of
  const others = (await list({ filter: { token: [two.id] } })).rows[0]?.id
  expect((await list({}, one.headers)).rows).toHaveLength(5)
  expect((await list({ filter: { token: [two.id, ''] } }, one.headers)).rows).toEqual([])
  expect(await call('requests.get', { id: others }, one.headers)).toEqual({ error: 'not-found' })
  expect(await call('requests.totals', {}, two.headers)).toMatchObject({ totals: { requests: 1, failed: 1 } })
  const usage = await call('usage.query', { group_by: ['token'] }, one.headers)
  expect(usage).toMatchObject({ groups: [{ names: { token: one.id } }], totals: { requests: 5 } })
  await chat(two.headers, 'broken')
  expect(await call('events.watch', { after: none }, two.headers)).toMatchObject({
    rows: [{ model: 'broken' }],
  })
  expect(JSON.stringify(await list({}, one.headers))).not.toContain('"seq"')
})

test('usage by any field adds up to the ledger’s total, in JSON and in CSV', async () => {
  const summary = (await call('usage.summary')) as { totals: { cost_usd: string; requests: number } }
  const params = {
    group_by: ['model', 'context'],
    csv: true,
    filter: { since: 0 },
    compare: { since: 0, until: 1 },
  }
  const usage = (await call('usage.query', params)) as { totals: object; csv: string; previous: object }
  expect(usage.totals).toMatchObject({ cost_usd: summary.totals.cost_usd, requests: 8 })
  expect(usage.previous).toMatchObject({ requests: 0, cost_usd: '0' })
  expect(usage.csv.split('\r\n').at(-2)).toContain(`(total),,8,2,`)
  expect(usage.csv).toContain('time zone UTC')
  expect(await call('usage.query', { time_zone: 'Mars/Base' })).toEqual({ error: 'bad-request' })
  expect(await call('usage.query', { bucket: 'day' })).toEqual({ error: 'bad-request' })
})

test('whoami names the role and the methods that it has', async () => {
  const admin = (await call('auth.whoami')) as { methods: string[] }
  const caller = (await call('auth.whoami', {}, one.headers)) as { methods: string[] }
  expect(admin).toMatchObject({ role: 'admin' })
  expect(caller).toMatchObject({ role: 'caller', token: one.id })
  expect(admin.methods).toContain('tokens.create')
  expect(caller.methods).not.toContain('tokens.create')
  expect(caller.methods).toContain('requests.list')
})

test('budgets near their end are listed, a caller’s own alone', async () => {
  await call('limits.set', { subject: { scope: 'everybody' }, rule: { usd_total: '1000' } })
  await call('limits.set', { subject: { scope: 'context', context: 'lab' }, rule: { usd_per_day: '0' } })
  const near = (await call('limits.near', { percent: 0 })) as { name: string; used_percent: number }[]
  expect(near.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['this broker', 'context “lab” of local', `token ${two.id}`]),
  )
  expect(near[0]).toMatchObject({ used_percent: 100 })
  const own = (await call('limits.near', { percent: 0 }, one.headers)) as { name: string }[]
  expect(own.map(({ name }) => name)).toEqual(['this broker'])
})

test('a watch streams requests as they end, and nothing of other callers', async () => {
  const events = await watch(one.headers)
  expect(await events.next()).toMatchObject({ value: { result: { rows: [], is_mother: false } } })
  await chat(two.headers, 'broken')
  await chat(one.headers)
  const { value } = (await events.next()) as { value: { result: Listed } }
  expect(value.result.rows).toMatchObject([{ model: 'm', token: one.id }])
  await events.return(undefined)
})

async function watch(headers: Headers) {
  const outgoing = request({
    socketPath: broker.daemon.sockets.rpc,
    method: 'POST',
    path: '/rpc',
    headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
  })
  outgoing.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'events.watch', params: {} }))
  const incoming = await new Promise<NodeJS.ReadableStream>((resolve) => outgoing.once('response', resolve))
  return (async function* () {
    try {
      for await (const text of eventsIn(incoming as never)) yield JSON.parse(text) as unknown
    } finally {
      outgoing.destroy()
    }
  })()
}
