import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runUntilExit, startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('the socket folder has mode 0700, the sockets have mode 0660', async () => {
  await using broker = await startBroker()
  const { folder, rest, rpc, web } = broker.sockets
  expect(modeOf(folder)).toBe('700')
  expect([rest, rpc, web].map(modeOf)).toEqual(['660', '660', '660'])
  expect(modeOf(join(broker.folder, 'v', 'hero_aibroker'))).toBe('700')
})

test('a broker starts where a killed one left its sockets', async () => {
  using folder = tempFolder()
  const killed = await startBroker({ folder: folder.path })
  killed.signal('SIGKILL')
  await killed.ended
  expect(existsSync(killed.sockets.rest)).toBe(true)
  await using next = await startBroker({ folder: folder.path })
  expect((await next.get('/health')).status).toBe(200)
})

test('a second broker on the same sockets is refused, and the first keeps serving', async () => {
  await using first = await startBroker()
  const second = await runUntilExit({ folder: first.folder, env: { PATH_VAR: join(first.folder, 'other') } })
  expect(second.exit).toBe(1)
  expect(second.stderr).toContain(
    `another hero_aibroker (pid ${first.pid}) already serves ${first.sockets.folder}`,
  )
  for (const socketPath of [first.sockets.rest, first.sockets.rpc, first.sockets.web])
    expect((await first.get('/health', { socketPath })).status).toBe(200)
})

test('a broker refuses to replace a socket on which another process listens', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 's', 'hero_aibroker', 'rest.sock')
  mkdirSync(join(path, '..'), { recursive: true })
  const other = createServer().listen(path)
  await once(other, 'listening')
  try {
    const { exit, stderr } = await runUntilExit({ folder: folder.path })
    expect(exit).toBe(1)
    expect(stderr).toContain(`another process already listens on ${path}`)
    expect(existsSync(path)).toBe(true)
  } finally {
    other.close()
    await once(other, 'close')
  }
})

test('a broker refuses to replace a file at the path of a socket', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 's', 'hero_aibroker', 'rpc.sock')
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, 'precious')
  const { exit, stderr } = await runUntilExit({ folder: folder.path })
  expect(exit).toBe(1)
  expect(stderr).toContain(`${path} exists and is not a socket`)
  expect(readdirSync(join(path, '..')).filter((name) => name.endsWith('.sock'))).toEqual(['rpc.sock'])
})

test('a socket path that is too long is refused with the limit', async () => {
  using folder = tempFolder()
  const env = { HERO_SOCKET_DIR: join(folder.path, 'x'.repeat(100)) }
  const { exit, stderr } = await runUntilExit({ folder: folder.path, env })
  expect(exit).toBe(1)
  expect(stderr).toMatch(/bytes long, the system allows 107; set HERO_SOCKET_DIR to a shorter folder/)
})

/** A socket folder in which the longest socket of the daemon has a path of so many bytes. */
function socketDirOf(folder: string, bytes: number): string {
  const rest = '/hero_aibroker/loopback.sock'.length + folder.length + 1
  return join(folder, 'x'.repeat(bytes - rest))
}

test('the longest socket path that fits is served, its built-in provider too; the next is refused like any other', async () => {
  using folder = tempFolder()
  const env = (bytes: number) => ({ HERO_SOCKET_DIR: socketDirOf(folder.path, bytes) })
  const { exit, stderr } = await runUntilExit({ folder: folder.path, env: env(108) })
  expect(stderr).toContain('loopback.sock is 108 bytes long, the system allows 107')
  expect(exit).toBe(1)
  await using broker = await startBroker({ folder: folder.path, env: env(107) })
  const socketPath = join(socketDirOf(folder.path, 107), 'hero_aibroker', 'rest.sock')
  const body = { model: 'local/loopback', messages: [{ role: 'user', content: 'hello' }] }
  expect(await broker.post('/v1/chat/completions', body, { socketPath })).toMatchObject({ status: 200 })
})

const isRoot = process.getuid?.() === 0

describe.skipIf(!isRoot)('the rights that an operator gave to the socket folder', () => {
  const GROUP = 12_345

  /** What a process of the group, without any other rights, reads from the socket. */
  function askAsMember(socketPath: string): string {
    const script = `fetchOn(${JSON.stringify(socketPath)}); ${fetchOn.toString()}`
    const options = { uid: 23_456, gid: GROUP, encoding: 'utf8', cwd: '/' } as const
    return spawnSync(process.execPath, ['-e', script], { ...options, env: {} }).stdout
  }

  function fetchOn(socketPath: string): void {
    require('node:http')
      .get({ socketPath, path: '/health' }, (response: { statusCode: number }) => {
        process.stdout.write(String(response.statusCode))
        process.exit()
      })
      .on('error', (error: NodeJS.ErrnoException) => process.stdout.write(String(error.code)))
  }

  test.each(['1', '2'])('stay after a restart, with %s workers', async (workers) => {
    using temp = tempFolder()
    const options = { folder: temp.path, env: { AIBROKER_WORKERS: workers } }
    const { sockets } = await startAndStop(options)
    expect(modeOf(sockets.folder)).toBe('700')
    for (const path of [temp.path, join(temp.path, 's')]) chmodSync(path, 0o755)
    chownSync(sockets.folder, 0, GROUP)
    chmodSync(sockets.folder, 0o750)
    await using broker = await startBroker(options)
    expect(modeOf(sockets.folder)).toBe('750')
    for (const socket of [sockets.rest, sockets.rpc, sockets.web]) {
      expect([modeOf(socket), statSync(socket).gid]).toEqual(['660', GROUP])
      expect(askAsMember(socket)).toBe('200')
    }
    await broker[Symbol.asyncDispose]()
  })
})

async function startAndStop(options: Parameters<typeof startBroker>[0]) {
  const broker = await startBroker(options)
  broker.signal('SIGTERM')
  await broker.ended
  return broker
}

describe.skipIf(!isRoot)('a user without an account and without HOME', () => {
  /** Runs one of our programs as such a user, with a folder of its own at `data`. */
  function runAs(program: string, env: Record<string, string>, ...args: string[]) {
    const script = join(import.meta.dirname, '..', '..', 'bin', program)
    const account = { uid: 23_456, gid: 23_456, cwd: '/' } as const
    const options = {
      ...account,
      encoding: 'utf8',
      timeout: 20_000,
      env: { PATH: '/usr/bin', ...env },
    } as const
    return spawnSync(process.execPath, [script, ...args], options)
  }

  test('gets a sentence that says what to set', () => {
    const server = runAs('hero_aibroker_server.js', {})
    expect(server.stderr).toContain('HOME is not set, and user 23456 has no account on this machine')
    expect(server.stderr).toContain('HERO_SOCKET_DIR and AIBROKER_DATA_DIR, or PATH_VAR for both')
    const client = runAs('hero_aibroker.js', {}, 'health')
    expect(client.stderr).toContain('user 23456 has no account on this machine: set HOME, or HERO_SOCKET_DIR')
    for (const { stderr, status } of [server, client]) {
      expect(status).not.toBe(0)
      expect(stderr).not.toContain('    at ')
    }
  })

  test('runs the broker where the folders are named', () => {
    using temp = tempFolder()
    chownSync(temp.path, 23_456, 23_456)
    const folders = { HERO_SOCKET_DIR: join(temp.path, 's'), AIBROKER_DATA_DIR: join(temp.path, 'd') }
    const env = { ...folders, AIBROKER_DETECT: 'off', AIBROKER_CATALOG: 'off' }
    const stopped = { ...env, AIBROKER_DRAIN_TIMEOUT_S: '1' }
    const script = `
      const { spawn } = require('node:child_process')
      const broker = spawn(process.execPath, [process.argv[1]], { stdio: ['ignore', 'pipe', 'inherit'] })
      broker.stdout.on('data', (text) => String(text).includes('curl') && broker.kill('SIGTERM'))
      broker.on('exit', (code) => console.log('ended', code))`
    const bin = join(import.meta.dirname, '..', '..', 'bin', 'hero_aibroker_server.js')
    const options = { uid: 23_456, gid: 23_456, cwd: '/', env: { PATH: '/usr/bin', ...stopped } } as const
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script, bin], {
      ...options,
      encoding: 'utf8',
    })
    expect(`${stdout}${stderr}`).toContain('ended 0')
  })
})

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}
