import { once } from 'node:events'
import {
  createServer,
  Agent,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { bindUnixSocket } from '../../src/runtime/bind.ts'
import { drainable, type Drain } from '../../src/runtime/drain.ts'
import { tempFolder, type TempFolder } from '../support/temp-folder.ts'

let temp: TempFolder
let path: string
let server: Server
let drain: Drain
const agent = new Agent({ keepAlive: true })

beforeEach(async () => {
  temp = tempFolder()
  path = join(temp.path, 'a.sock')
  server = createServer()
  drain = drainable(server)
  await bindUnixSocket(server, path)
})

afterEach(() => {
  server.close()
  server.closeAllConnections()
  agent.destroy()
  temp[Symbol.dispose]()
})

/** Sends a request, and returns the server's side of it. */
async function openRequest(): Promise<{ sent: ReturnType<typeof request>; response: ServerResponse }> {
  const sent = request({ socketPath: path, agent }).end()
  const [, response] = await once(server, 'request')
  return { sent, response }
}

test('a drain waits for an open request and resolves when it has ended', async () => {
  const { sent, response } = await openRequest()
  response.write('first ')
  const [answer] = await once(sent, 'response')
  const drained = drain({ clock: systemClock, graceMs: 20_000 })
  response.end('last')
  let text = ''
  for await (const piece of answer) text += String(piece)
  expect(text).toBe('first last')
  const startedAt = performance.now()
  expect(await drained).toBe(0)
  // Node itself would keep the caller's idle connection, and so the process, for seconds.
  expect(performance.now() - startedAt).toBeLessThan(1_000)
})

test('a draining server accepts no new connection', async () => {
  const { sent, response } = await openRequest()
  const drained = drain({ clock: systemClock, graceMs: 20_000 })
  const late = request({ socketPath: path, agent: false }).end()
  await expect(once(late, 'response')).rejects.toMatchObject({
    code: expect.stringMatching(/ECONNREFUSED|ENOENT/),
  })
  response.end()
  await once(sent, 'response')
  await drained
})

test('connections that are open after the grace period are destroyed and counted', async () => {
  const { sent } = await openRequest()
  let endGrace = () => {}
  const clock = {
    ...systemClock,
    after: (ms: number, run: () => void) => {
      if (ms !== 777) return systemClock.after(ms, run)
      endGrace = run
      return () => {}
    },
  }
  const drained = drain({ clock, graceMs: 777 })
  const hungUp = once(sent, 'response')
  endGrace()
  await expect(hungUp).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(await drained).toBe(1)
})

test('idle connections do not delay a drain', async () => {
  const { sent, response } = await openRequest()
  response.end('done')
  const [answer] = await once(sent, 'response')
  answer.resume()
  await once(answer, 'end')
  expect(await drain({ clock: systemClock, graceMs: 20_000 })).toBe(0)
})

test('a drain waits until an ended response has been read', async () => {
  const { sent, response } = await openRequest()
  const long = 'x'.repeat(4 * 1024 * 1024)
  response.end(long)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  const sweeps: (() => void)[] = []
  const clock = { ...systemClock, after: (_ms: number, run: () => void) => (sweeps.push(run), () => {}) }
  const drained = drain({ clock, graceMs: 20_000 })
  const [sweep] = sweeps
  sweep?.()
  let length = 0
  for await (const piece of answer) length += (piece as Buffer).length
  expect(length).toBe(long.length)
  await expect.poll(() => response.closed).toBe(true)
  sweep?.()
  expect(await drained).toBe(0)
})
