// Mothers are registered at run time, kept, and used like any other provider.
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream } from '../support/scripted-upstream.ts'
import { startMinimalServer } from '../support/resp-servers.ts'
import { runUntilExit, startBroker, type Broker } from '../support/start-broker.ts'
import { testAuthority } from '../support/test-certificates.ts'
import { tempFolder } from '../support/temp-folder.ts'

const CHAT = '/v1/chat/completions'
const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
}

const ON_TCP = ['--address', '127.0.0.1', '--port', '0', '--mother']

interface MotherRow {
  readonly id: string
  readonly state: string
  readonly problem?: string
  readonly models: number
}

async function mothersOf(broker: Broker): Promise<readonly MotherRow[]> {
  return (await broker.rpc('mothers.list')) as readonly MotherRow[]
}

/** The commands under “Manually wiring two brokers”, with the comments that say what each prints. */
function wiringCommands(): readonly string[] {
  const [, text = ''] =
    /Three calls connect them:\n\n```sh\n(.*?)```/s.exec(readFileSync('docs/cascade.md', 'utf8')) ?? []
  return text.split(/^# (?!→).*\n/m).slice(1)
}

test('the documented commands wire two brokers, and the mother is still there after a restart of the child', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using mother = await startBroker({ env: openaiAt(upstream), args: ON_TCP })
  using folder = tempFolder()
  const env = { HERO_SOCKET_DIR: join(folder.path, 'hero/var/sockets') }
  const run = async (command: string): Promise<string> => {
    const script = command.replaceAll('33850', String(mother.port))
    const shell = { env: { ...process.env, HOME: folder.path } }
    return (await promisify(execFile)('bash', ['-c', script], shell)).stdout
  }
  const [confirm = '', register = '', verify = ''] = wiringCommands()
  {
    await using _child = await startBroker({ folder: folder.path, env })
    expect(await run(confirm)).toBe('true\n')
    expect(JSON.parse(await run(register))).toMatchObject({
      result: { id: 'ai_broker_mother', success: true },
    })
  }
  await using child = await startBroker({ folder: folder.path, env })
  expect(JSON.parse(await run(verify)).result).toMatchObject([
    { id: 'ai_broker_mother', address: '127.0.0.1', port: mother.port, priority: 1, enabled: true },
  ])
  const socketPath = join(env.HERO_SOCKET_DIR, 'hero_aibroker/rest.sock')
  await expect
    .poll(async () => (await child.post(CHAT, hello, { socketPath })).status, { timeout: 5000 })
    .toBe(200)
  expect(child.rows().at(-1)).toMatchObject({
    provider: 'ai_broker_mother',
    cost_nano: mother.rows()[0]?.['cost_nano'],
  })
})

test('a mother is added, changed and removed while requests go on, and info counts her', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using mother = await startBroker({ env: openaiAt(upstream) })
  await using child = await startBroker()
  expect((await child.post(CHAT, hello)).status).toBe(404)
  const { rest: socket } = mother.sockets
  expect(await child.rpc('mothers.add', { socket, label: 'root' })).toEqual({
    id: 'ai_broker_mother',
    success: true,
  })
  expect(await child.rpc('mothers.add', { socket: '/nowhere.sock', priority: 1 })).toMatchObject({
    id: 'ai_broker_mother2',
  })
  expect(await child.rpc('info')).toMatchObject({ is_mother: false, mother_count: 2 })
  const [up, down] = await mothersOf(child)
  expect(up).toMatchObject({ state: 'up', label: 'root', has_token: false })
  expect(up?.models).toBeGreaterThan(0)
  expect(down).toMatchObject({ state: 'down', problem: expect.stringContaining('/nowhere.sock') })

  const served = await Promise.all([
    ...Array.from({ length: 8 }, () => child.post(CHAT, hello)),
    child.rpc('mothers.update', { id: 'ai_broker_mother', priority: 3 }),
    child.rpc('mothers.remove', { id: 'ai_broker_mother2' }),
  ])
  expect(served.slice(0, 8).map((response) => (response as { status: number }).status)).toEqual(
    Array(8).fill(200),
  )
  expect(await mothersOf(child)).toMatchObject([{ id: 'ai_broker_mother', priority: 3 }])

  await child.rpc('priority.set', { provider: 'ai_broker_mother', priority: 7 })
  expect(await child.rpc('priority.list')).toEqual({ ai_broker_mother: 7 })
  await child.rpc('mothers.update', { id: 'ai_broker_mother', enabled: false })
  expect((await child.post(CHAT, hello)).status).toBe(404)
  expect(await mothersOf(child)).toMatchObject([{ state: 'disabled' }])
})

test('a mother that starts later than her child is found, and her models are offered', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  using above = tempFolder()
  await using child = await startBroker()
  await child.rpc('mothers.add', { socket: join(above.path, 's/hero_aibroker/rest.sock') })
  expect(await mothersOf(child)).toMatchObject([{ state: 'down' }])
  await using _mother = await startBroker({ env: openaiAt(upstream), folder: above.path })
  await expect.poll(async () => (await child.post(CHAT, hello)).status, { timeout: 8000 }).toBe(200)
})

test('a configured settings store that is away stops the start and is named', async () => {
  const { exit, stderr } = await runUntilExit({ env: { HERO_AIBROKER_DB_SOCKET: '/nowhere/rpc.sock' } })
  expect([exit, stderr]).toEqual([1, expect.stringContaining('hero_db at /nowhere/rpc.sock')])
})

test('settings move to another store by export and import, and info says so until they have', async () => {
  using folder = tempFolder()
  const socketPath = join(folder.path, 'resp.sock')
  await using _server = await startMinimalServer(socketPath)
  let exported: { mothers: object; priorities: object }
  {
    await using before = await startBroker({ folder: folder.path })
    await before.rpc('mothers.add', { socket: '/nowhere.sock', label: 'root' })
    await before.rpc('priority.set', { provider: 'openai', priority: 4 })
    exported = (await before.rpc('settings.export')) as typeof exported
  }
  const env = { AIBROKER_SETTINGS: `unix://${socketPath}?db=2` }
  await using after = await startBroker({ folder: folder.path, env })
  expect(await mothersOf(after)).toEqual([])
  const moved = expect.arrayContaining([expect.stringContaining('settings export')]) as string[]
  expect(await after.rpc('info')).toMatchObject({ warnings: moved })
  const { mothers, priorities } = exported
  expect(await after.rpc('settings.import', { mothers, priorities })).toMatchObject({
    mothers: 1,
    priorities: 1,
  })
  expect(await mothersOf(after)).toMatchObject([{ id: 'ai_broker_mother', label: 'root' }])
  expect(await after.rpc('priority.list')).toEqual({ openai: 4 })
  expect(await after.rpc('info')).not.toMatchObject({ warnings: moved })
})

test('a mother is reached over TLS with a token and a pinned certificate, and with no other one', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  using folder = tempFolder()
  const { certificate, key } = testAuthority().issue('127.0.0.1')
  const [cert, keyFile] = [join(folder.path, 'cert.pem'), join(folder.path, 'key.pem')]
  writeFileSync(cert, certificate)
  writeFileSync(keyFile, key)
  const tls = { AIBROKER_TLS_CERT: cert, AIBROKER_TLS_KEY: keyFile, ADMIN_TOKEN: 'root-secret' }
  await using mother = await startBroker({ env: { ...openaiAt(upstream), ...tls }, args: ON_TCP })
  await using child = await startBroker({ env: { ROOT_TOKEN: 'root-secret' } })
  const fingerprint = new X509Certificate(certificate).fingerprint256
  const place = { address: '127.0.0.1', port: mother.port, tls: true }
  await child.rpc('mothers.add', { ...place, token_env: 'ROOT_TOKEN', fingerprint })
  await child.rpc('mothers.add', { ...place, token: 'root-secret', fingerprint: 'ab'.repeat(32) })
  await child.rpc('mothers.add', { ...place, token: 'root-secret' })
  await child.rpc('mothers.add', { ...place, token: 'wrong', fingerprint })
  const [pinned, otherPin, noPin, wrongToken] = await mothersOf(child)
  expect(pinned).toMatchObject({ state: 'up', has_token: true, token_env: 'ROOT_TOKEN' })
  expect(otherPin).toMatchObject({ state: 'down', problem: expect.stringContaining('is pinned') })
  expect(noPin).toMatchObject({ state: 'down', problem: expect.stringMatching(/certificate|issuer/i) })
  expect(wrongToken).toMatchObject({ state: 'down' })
  expect(JSON.stringify(await mothersOf(child))).not.toContain('root-secret')
  expect((await child.post(CHAT, { ...hello, stream: true })).status).toBe(200)
  expect(child.rows()[0]?.['cost_nano']).toBe(mother.rows()[0]?.['cost_nano'])
})
