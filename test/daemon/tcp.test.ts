import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream } from '../support/scripted-upstream.ts'
import { runUntilExit, startBroker, type Broker } from '../support/start-broker.ts'

const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const whole = {
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
}
const onLoopback = ['--address', '127.0.0.1', '--port', '0']

test('REST and JSON-RPC share one port', async () => {
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: openaiAt(upstream), args: onLoopback })
  expect(await broker.post('/v1/chat/completions', body, overTcp(broker))).toMatchObject({ status: 200 })
  expect(await broker.post('/rpc', call('health'), overTcp(broker))).toMatchObject({
    status: 200,
    json: { result: { status: 'ok' } },
  })
  expect(await broker.rpc('info')).toMatchObject({ tcp: { address: '127.0.0.1', port: broker.port } })
})

test('a daemon started with --mother reports it', async () => {
  await using broker = await startBroker({ args: [...onLoopback, '--mother'] })
  expect(broker.stdout()).toContain('mother of a cascade')
  expect((await broker.post('/rpc', call('info'), overTcp(broker))).json).toMatchObject({
    result: { is_mother: true },
  })
})

test('forwarded headers are trusted on a Unix socket and not on TCP', async () => {
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: openaiAt(upstream), args: onLoopback })
  const headers = { 'x-forwarded-for': '10.0.0.1, 203.0.113.7', 'x-hero-context': 'lab' }
  await broker.post('/v1/chat/completions', body, { headers })
  await broker.post('/v1/chat/completions', body, { headers, ...overTcp(broker) })
  await expect
    .poll(() => broker.rows())
    .toMatchObject([
      { ip: '203.0.113.7', context: 'lab' },
      { ip: '127.0.0.1', context: null },
    ])
})

test('a port in use is reported, and the daemon exits', async () => {
  await using first = await startBroker({ args: onLoopback })
  const { exit, stderr } = await runUntilExit({
    args: ['--address', '127.0.0.1', '--port', `${first.port}`],
  })
  expect(exit).toBe(1)
  expect(stderr).toContain(`127.0.0.1 port ${first.port}`)
})

test('the daemon refuses to listen beyond loopback without a token', async () => {
  const { exit, stderr } = await runUntilExit({ args: ['--address', '0.0.0.0', '--port', '0'] })
  expect(exit).toBe(1)
  expect(stderr).toContain('ADMIN_TOKEN')
})

test('beyond loopback each request needs the token', async () => {
  const token = 'canary-token'
  await using broker = await startBroker({
    env: { ADMIN_TOKEN: token },
    args: ['--address', '0.0.0.0', '--port', '0'],
  })
  for (const host of ['127.0.0.1', ...ownAddresses()]) {
    const ask = (headers: Record<string, string>) =>
      broker.get('/v1/models', { ...overTcp(broker), host, headers })
    expect(await ask({})).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } })
    expect(await ask({ authorization: 'Bearer wrong' })).toMatchObject({ status: 401 })
    expect(await ask({ authorization: `Bearer ${token}` })).toMatchObject({ status: 200 })
  }
  const calling = await broker.post('/rpc', call('info'), overTcp(broker))
  expect(calling.status).toBe(401)
  expect(broker.stdout() + broker.stderr()).not.toContain(token)
})

function overTcp({ port }: Broker) {
  return { socketPath: undefined, port }
}

function call(method: string) {
  return { jsonrpc: '2.0', id: 1, method, params: {} }
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
}
