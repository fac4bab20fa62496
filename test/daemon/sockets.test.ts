import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
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

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}
