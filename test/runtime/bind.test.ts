import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bindTcp, bindUnixSocket } from '../../src/runtime/bind.ts'
import { tempFolder, type TempFolder } from '../support/temp-folder.ts'

let temp: TempFolder
let path: string
const servers: Server[] = []

beforeEach(() => {
  temp = tempFolder()
  path = join(temp.path, 'hero_aibroker', 'rest.sock')
})

afterEach(async () => {
  for (const server of servers.splice(0)) {
    if (!server.listening) continue
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  temp[Symbol.dispose]()
})

function server(answer = 'ours'): Server {
  const made = createServer((_request, response) => response.end(answer))
  servers.push(made)
  return made
}

async function ask(socketPath: string): Promise<string> {
  const sent = request({ socketPath, agent: false }).end()
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const piece of response) text += String(piece)
  return text
}

/** A stale socket file, as a killed daemon leaves it. */
function leaveStaleSocket(at: string): void {
  const script = `require('node:net').createServer().listen(${JSON.stringify(at)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
}

const modeOf = (file: string) => lstatSync(file).mode & 0o777

test('a bound socket has mode 0660 in a folder of 0700, and accepts requests', async () => {
  await bindUnixSocket(server(), path)
  expect(modeOf(path)).toBe(0o660)
  expect(modeOf(join(temp.path, 'hero_aibroker'))).toBe(0o700)
  expect(await ask(path)).toBe('ours')
})

test('no file in the socket folder ever has another mode, whatever the umask of the process', async () => {
  const folder = join(temp.path, 'hero_aibroker')
  mkdirSync(folder)
  const seen = new Set<number>()
  const bound = server()
  const listen = bound.listen.bind(bound)
  // Checks in the turn of the event loop that creates the file, before anything could fix its mode.
  const listenAndLook = (socketPath: string) => {
    listen(socketPath)
    for (const name of readdirSync(folder)) seen.add(modeOf(join(folder, name)))
  }
  Object.assign(bound, { listen: listenAndLook })
  const before = process.umask(0)
  try {
    await bindUnixSocket(bound, path)
    expect(process.umask(0)).toBe(0)
  } finally {
    process.umask(before)
  }
  expect([...seen, modeOf(path)]).toEqual([0o660, 0o660])
})

test.each([0o750, 0o755, 0o700, 0o2770])(
  'a socket folder with mode %o keeps it, as its operator set it',
  async (mode) => {
    const folder = join(temp.path, 'hero_aibroker')
    mkdirSync(folder)
    chmodSync(folder, mode)
    await bindUnixSocket(server(), path)
    expect(lstatSync(folder).mode & 0o7777).toBe(mode)
    expect(modeOf(path)).toBe(0o660)
  },
)

describe.skipIf(process.getuid?.() !== 0)('the group of a socket, which only root can set at will', () => {
  const GROUP = 12_345
  const bindIn = async (mode: number): Promise<number> => {
    const folder = join(temp.path, 'hero_aibroker')
    mkdirSync(folder)
    chmodSync(folder, mode)
    chownSync(folder, 0, GROUP)
    await bindUnixSocket(server(), path)
    return lstatSync(path).gid
  }

  test('is that of its folder, if the folder lets its group in', async () => {
    expect(await bindIn(0o750)).toBe(GROUP)
  })

  test('stays that of the process, if the folder lets only its owner in', async () => {
    expect(await bindIn(0o700)).toBe(process.getgid?.())
  })
})

test('a stale socket of a killed daemon is replaced', async () => {
  mkdirSync(join(temp.path, 'hero_aibroker'))
  leaveStaleSocket(path)
  expect(lstatSync(path).isSocket()).toBe(true)
  await bindUnixSocket(server(), path)
  expect(await ask(path)).toBe('ours')
})

test('binding a socket in use fails, and its server keeps serving', async () => {
  await bindUnixSocket(server('theirs'), path)
  await expect(bindUnixSocket(server(), path)).rejects.toThrow(`another process already listens on ${path}`)
  expect(await ask(path)).toBe('theirs')
})

test('binding at the path of a regular file fails and leaves it unchanged', async () => {
  mkdirSync(join(temp.path, 'hero_aibroker'))
  writeFileSync(path, 'precious')
  await expect(bindUnixSocket(server(), path)).rejects.toThrow('is not a socket')
  expect(readFileSync(path, 'utf8')).toBe('precious')
})

test('a socket folder that can’t be created is reported by its path', async () => {
  writeFileSync(join(temp.path, 'hero_aibroker'), '')
  await expect(bindUnixSocket(server(), path)).rejects.toThrow(
    `cannot create ${join(temp.path, 'hero_aibroker')} as a private folder`,
  )
})

test('a socket path that the system would truncate is refused before anything is created', async () => {
  const long = join(temp.path, 'x'.repeat(120), 'rest.sock')
  await expect(bindUnixSocket(server(), long)).rejects.toThrow('HERO_SOCKET_DIR')
  expect(readdirSync(temp.path)).toEqual([])
})

test('unbinding removes the socket file and leaves the folder empty', async () => {
  const first = server()
  const bound = await bindUnixSocket(first, path)
  bound.unbind()
  first.close()
  await once(first, 'close')
  expect(readdirSync(join(temp.path, 'hero_aibroker'))).toEqual([])
})

test('a successor at the same path survives unbinding and closing', async () => {
  const first = server()
  const bound = await bindUnixSocket(first, path)
  renameSync(path, `${path}.old`)
  await bindUnixSocket(server('successor'), path)
  bound.unbind()
  first.close()
  await once(first, 'close')
  expect(await ask(path)).toBe('successor')
})

test.each(['127.0.0.1', '::1'])('TCP on %s gets a free port and accepts requests', async (address) => {
  const bound = await bindTcp(server(), address, 0)
  expect(bound).toMatchObject({ address, port: expect.any(Number) })
  const response = await fetch(`http://${address.includes(':') ? `[${address}]` : address}:${bound.port}/`)
  expect(await response.text()).toBe('ours')
})

test('binding a port in use fails with the address and port', async () => {
  const { port } = await bindTcp(server(), '127.0.0.1', 0)
  await expect(bindTcp(server(), '127.0.0.1', port)).rejects.toThrow(
    `cannot listen on 127.0.0.1 port ${port}: another program uses it; stop that program, or choose another port`,
  )
})
