import { once } from 'node:events'
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test } from 'vitest'
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
  const asked = request({ socketPath, agent: false }).end()
  const [response] = await once(asked, 'response')
  let text = ''
  for await (const piece of response) text += String(piece)
  return text
}

/** A socket file that nobody listens on, as a killed daemon leaves it. */
function leaveStaleSocket(at: string): void {
  const script = `require('node:net').createServer().listen(${JSON.stringify(at)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
}

const modeOf = (file: string) => lstatSync(file).mode & 0o777

test('the socket is 0660 in a folder of 0700, and answers', async () => {
  await bindUnixSocket(server(), path)
  expect(modeOf(path)).toBe(0o660)
  expect(modeOf(join(temp.path, 'hero_aibroker'))).toBe(0o700)
  expect(await ask(path)).toBe('ours')
})

test('no file in the folder ever shows another mode, whatever the umask of the process', async () => {
  const folder = join(temp.path, 'hero_aibroker')
  mkdirSync(folder)
  const seen = new Set<number>()
  const bound = server()
  const listen = bound.listen.bind(bound)
  // Looks in the same turn in which the file is born, before anything could mend its mode.
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

test('a folder that was open to others is closed', async () => {
  mkdirSync(join(temp.path, 'hero_aibroker'), { mode: 0o755 })
  await bindUnixSocket(server(), path)
  expect(modeOf(join(temp.path, 'hero_aibroker'))).toBe(0o700)
})

test('what a killed daemon left is replaced', async () => {
  mkdirSync(join(temp.path, 'hero_aibroker'))
  leaveStaleSocket(path)
  expect(lstatSync(path).isSocket()).toBe(true)
  await bindUnixSocket(server(), path)
  expect(await ask(path)).toBe('ours')
})

test('a socket that somebody listens on is refused and goes on answering', async () => {
  await bindUnixSocket(server('theirs'), path)
  await expect(bindUnixSocket(server(), path)).rejects.toThrow(`another process already listens on ${path}`)
  expect(await ask(path)).toBe('theirs')
})

test('a file that is no socket is refused and left as it is', async () => {
  mkdirSync(join(temp.path, 'hero_aibroker'))
  writeFileSync(path, 'precious')
  await expect(bindUnixSocket(server(), path)).rejects.toThrow('is not a socket')
  expect(readFileSync(path, 'utf8')).toBe('precious')
})

test('a folder that cannot be made is refused by name', async () => {
  writeFileSync(join(temp.path, 'hero_aibroker'), '')
  await expect(bindUnixSocket(server(), path)).rejects.toThrow(
    `cannot create ${join(temp.path, 'hero_aibroker')} as a private folder`,
  )
})

test('a path that the system would cut is refused before anything is made', async () => {
  const long = join(temp.path, 'x'.repeat(120), 'rest.sock')
  await expect(bindUnixSocket(server(), long)).rejects.toThrow('HERO_SOCKET_DIR')
  expect(readdirSync(temp.path)).toEqual([])
})

test('unbinding removes our file and nothing is left in the folder', async () => {
  const ours = server()
  const bound = await bindUnixSocket(ours, path)
  bound.unbind()
  ours.close()
  await once(ours, 'close')
  expect(readdirSync(join(temp.path, 'hero_aibroker'))).toEqual([])
})

test('a successor at the same path survives our unbinding and our close', async () => {
  const ours = server()
  const bound = await bindUnixSocket(ours, path)
  renameSync(path, `${path}.old`)
  await bindUnixSocket(server('successor'), path)
  bound.unbind()
  ours.close()
  await once(ours, 'close')
  expect(await ask(path)).toBe('successor')
})

test.each(['127.0.0.1', '::1'])('TCP on %s gets a free port and answers', async (address) => {
  const bound = await bindTcp(server(), address, 0)
  expect(bound).toMatchObject({ address, port: expect.any(Number) })
  const response = await fetch(`http://${address.includes(':') ? `[${address}]` : address}:${bound.port}/`)
  expect(await response.text()).toBe('ours')
})

test('a port in use is refused by name', async () => {
  const { port } = await bindTcp(server(), '127.0.0.1', 0)
  await expect(bindTcp(server(), '127.0.0.1', port)).rejects.toThrow(
    `cannot listen on 127.0.0.1 port ${port}: another program uses it; stop that program, or choose another port`,
  )
})
