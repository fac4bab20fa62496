// What the dashboard's server lets through, without a browser: links, logins, foreign pages, fronts, files.
import { request } from 'node:http'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runInProcess } from '../support/run-cli.ts'
import { startBroker } from '../support/start-broker.ts'
import { openDashboard, type OpenDashboard } from './open-dashboard.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

let open: OpenDashboard
let guarded: OpenDashboard
let token: string
let tokenId: string

beforeAll(async () => {
  open = await openDashboard({})
  guarded = await openDashboard({ env: { ADMIN_TOKEN: 'root' } })
  const call = { jsonrpc: '2.0', id: 1, method: 'tokens.create', params: { label: 'ci' } }
  const { json } = await guarded.broker.post('/rpc', call, {
    socketPath: guarded.broker.sockets.rpc,
    headers: { authorization: 'Bearer root' },
  })
  ;({ token, id: tokenId } = (json as { result: { token: string; id: string } }).result)
}, 60_000)
afterAll(async () => {
  await open[Symbol.asyncDispose]()
  await guarded[Symbol.asyncDispose]()
})

function send(
  to: OpenDashboard | string,
  path: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const target =
    typeof to === 'string' ? { socketPath: to } : { host: '127.0.0.1', port: new URL(to.origin).port }
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...target, path, method, headers, agent: false }, (incoming) => {
      let text = ''
      incoming.setEncoding('utf8').on('data', (part: string) => (text += part))
      incoming.once('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }),
      )
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

const own = (to: OpenDashboard, more: Record<string, string> = {}) => ({
  'content-type': 'application/json',
  'x-aibroker-dashboard': 'none',
  origin: to.origin,
  ...more,
})

const rpcBody = (method: string, params: object = {}) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })

async function logIn(
  to: OpenDashboard,
  given: object,
): Promise<{ answer: Answer; headers: Record<string, string> }> {
  const answer = await send(to, '/api/login', {
    method: 'POST',
    headers: own(to),
    body: JSON.stringify(given),
  })
  const cookie = String(answer.headers['set-cookie'] ?? '').split(';', 1)[0] ?? ''
  const { proof = '' } = JSON.parse(answer.text) as { proof?: string }
  return { answer, headers: own(to, { cookie, 'x-aibroker-dashboard': proof }) }
}

const codeOf = (link: string) => new URL(link).hash.slice(1)

test('a link opens one session, once, and its code is never in an address that is sent', async () => {
  const link = await open.newLink()
  expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/in#[\w-]{22}$/)
  const { answer, headers } = await logIn(open, { code: codeOf(link) })
  expect(answer.status).toBe(200)
  expect(String(answer.headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Strict$/)
  expect((await logIn(open, { code: codeOf(link) })).answer.status).toBe(401)
  const who = await send(open, '/api/rpc', { method: 'POST', headers, body: rpcBody('auth.whoami') })
  expect(JSON.parse(who.text)).toMatchObject({ result: { role: 'admin' } })
})

test('a cookie alone, another port, a form and a missing Origin are refused', async () => {
  const { headers } = await logIn(open, { code: codeOf(await open.newLink()) })
  const attempts: Record<string, string>[] = [
    { ...headers, 'x-aibroker-dashboard': 'none' },
    { ...headers, origin: 'http://127.0.0.1:1' },
    { ...headers, origin: 'null' },
    { ...headers, 'content-type': 'text/plain' },
    { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
    { ...headers, 'sec-fetch-site': 'same-site' },
    Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'origin')),
    Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'x-aibroker-dashboard')),
  ]
  for (const tried of attempts) {
    const { text } = await send(open, '/api/rpc', {
      method: 'POST',
      headers: tried,
      body: rpcBody('tokens.list'),
    })
    expect(JSON.parse(text)).toMatchObject({
      error: { code: expect.stringMatching(/forbidden|unauthorized|unsupported/) as string },
    })
  }
})

test('a Host that is not ours is refused before anything else', async () => {
  for (const host of ['evil.test', `evil.test:${new URL(open.origin).port}`, '127.0.0.1', '127.0.0.1:1']) {
    expect((await send(open, '/', { headers: { host } })).status).toBe(421)
    expect((await send(open, '/api/login', { method: 'POST', headers: { ...own(open), host } })).status).toBe(
      421,
    )
  }
})

test('a token makes a session of its caller, a wrong one makes none, and attempts are limited', async () => {
  const caller = await logIn(guarded, { token })
  const who = await send(guarded, '/api/rpc', {
    method: 'POST',
    headers: caller.headers,
    body: rpcBody('auth.whoami'),
  })
  expect(JSON.parse(who.text)).toMatchObject({ result: { role: 'caller', token: tokenId } })
  const refused = await send(guarded, '/api/rpc', {
    method: 'POST',
    headers: caller.headers,
    body: rpcBody('tokens.list'),
  })
  expect(JSON.parse(refused.text)).toMatchObject({ error: { data: { code: 'forbidden' } } })
  expect((await logIn(guarded, { token: 'wrong' })).answer.status).toBe(401)
  expect((await logIn(guarded, { token: 'hb-wrong' })).answer.status).toBe(401)
  const admin = await logIn(guarded, { token: 'root' })
  const all = await send(guarded, '/api/rpc', {
    method: 'POST',
    headers: admin.headers,
    body: rpcBody('tokens.list'),
  })
  expect(all.text).not.toContain(token)
  expect(JSON.parse(all.text)).toMatchObject({ result: [{ id: tokenId }] })
  for (let tried = 0; tried < 3; tried++) await logIn(guarded, { token: 'wrong' })
  expect((await logIn(guarded, { token: 'wrong' })).answer.status).toBe(429)
})

test('logging out ends the session at once', async () => {
  const { headers } = await logIn(open, { code: codeOf(await open.newLink()) })
  await send(open, '/api/logout', { method: 'POST', headers, body: '{}' })
  const after = await send(open, '/api/rpc', { method: 'POST', headers, body: rpcBody('auth.whoami') })
  expect(JSON.parse(after.text)).toMatchObject({ error: { code: 'unauthorized' } })
})

test('on admin.sock a forwarded request is no administrator, and gets no link', async () => {
  const socket = join(open.broker.sockets.folder, 'admin.sock')
  const headers = { 'content-type': 'application/json', 'x-aibroker-dashboard': 'none' }
  const direct = await send(socket, '/api/rpc', { method: 'POST', headers, body: rpcBody('auth.whoami') })
  expect(JSON.parse(direct.text)).toMatchObject({ result: { role: 'admin' } })
  const forwarded = { ...headers, 'x-forwarded-for': '10.0.0.9' }
  const front = await send(socket, '/api/rpc', {
    method: 'POST',
    headers: forwarded,
    body: rpcBody('auth.whoami'),
  })
  expect(JSON.parse(front.text)).toMatchObject({ result: { role: 'caller', address: '10.0.0.9' } })
  expect((await send(socket, '/api/link', { method: 'POST', headers: forwarded })).status).toBe(403)
  expect((await send(open, '/api/link', { method: 'POST', headers: own(open) })).status).toBe(403)
  expect((await send(socket, '/rpc', { method: 'POST', headers, body: rpcBody('health') })).status).toBe(405)
})

test('every answer forbids inline code, foreign files and frames; the page is never cached, its files always', async () => {
  const page = await send(open, '/requests/gen-1')
  expect(page.headers['content-security-policy']).toContain("script-src 'self'; style-src 'self'")
  expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'")
  expect(page.headers['cache-control']).toBe('no-store')
  expect(page.text).not.toMatch(/<script(?![^>]*src=)|style=|https?:/)
  const file = readdirSync(join(import.meta.dirname, '../../dist/dashboard-app/assets')).find((name) =>
    name.endsWith('.js'),
  )
  const asset = await send(open, `/assets/${file}`, { headers: { 'accept-encoding': 'gzip, br' } })
  expect(asset.headers).toMatchObject({
    'content-encoding': 'br',
    'cache-control': 'public, max-age=31536000, immutable',
  })
  for (const path of ['/assets/gone-1234.js', '/assets/..%2f..%2fpackage.json', '/assets/../index.html'])
    expect((await send(open, path)).headers['content-type']).toContain('json')
  expect((await send(open, '/assets/gone-1234.js')).status).toBe(404)
})

test('behind a front the page’s files are under its prefix, and a bad prefix is ignored', async () => {
  const socket = join(open.broker.sockets.folder, 'admin.sock')
  const under = async (prefix: string) =>
    (await send(socket, '/', { headers: { 'x-forwarded-prefix': prefix } })).text
  expect(await under('/hero_aibroker/admin')).toContain('src="/hero_aibroker/admin/assets/')
  for (const bad of ['//evil.test', '/a"><script>', '/../x', 'javascript:1'])
    expect(await under(bad)).toContain('src="/assets/')
})

test('“hero_aibroker dashboard” prints a new link, and says how to start a dashboard that is not running', async () => {
  const socket = open.broker.sockets.rpc
  const { out } = await runInProcess(['dashboard', '--no-open', '--socket', socket])
  expect((await logIn(open, { code: codeOf(out.trim()) })).answer.status).toBe(200)
  const none = await runInProcess(['dashboard', '--socket', '/nowhere/rpc.sock'])
  expect(none).toMatchObject({
    exit: 7,
    err: expect.stringContaining('hero_aibroker_admin --port') as string,
  })
})

test('“--dashboard” starts the dashboard beside the broker, and both end together', async () => {
  await using broker = await startBroker({ args: ['--dashboard'] })
  await expect.poll(() => broker.stdout()).toMatch(/dashboard {2}http:\/\/127\.0\.0\.1:\d+\/in#/)
  const link = /http:\S+\/in#\S+/.exec(broker.stdout())?.[0] ?? ''
  expect((await fetch(new URL('/health', link))).status).toBe(200)
  broker.signal('SIGTERM')
  await broker.ended
  await expect
    .poll(() =>
      fetch(new URL('/health', link)).then(
        () => 'up',
        () => 'down',
      ),
    )
    .toBe('down')
})
