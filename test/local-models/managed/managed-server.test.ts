import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import {
  createManagedServer,
  type ManagedServerOptions,
} from '../../../src/local-models/managed/managed-server.ts'
import { socketClient, temporaryFolder } from '../support.ts'

const IDLE_MS = 300_000
const hasSetpriv = canRun('setpriv', ['--pdeathsig', 'TERM', 'true'])

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('a managed server', () => {
  test('is started by its first use, once for all concurrent callers', async () => {
    const { server, started } = await managed()
    expect(server.state()).toMatchObject({ phase: 'stopped', pid: undefined })
    await Promise.all([server.ready(), server.ready(), server.ready()])
    await server.ready()
    expect(server.state().phase).toBe('running')
    expect(started()).toEqual([server.state().pid])
  })

  test('gets the variables of its configuration and no key of the broker', async () => {
    vi.stubEnv('OPENAI_API_KEY', 'secret')
    const { server, ask } = await managed({ env: { COLOUR: 'blue' } })
    await server.ready()
    const { env } = await ask('/')
    expect(env).toMatchObject({ COLOUR: 'blue', PATH: process.env['PATH'] })
    expect(env).not.toHaveProperty('OPENAI_API_KEY')
  })

  test('is ended after the idle timeout, and started again by the next use', async () => {
    const { server, clock, socketPath, started } = await managed()
    const endUse = server.beginUse()
    await server.ready()
    const { pid } = server.state()
    clock.fire(IDLE_MS)
    expect(server.state()).toMatchObject({ phase: 'running', uses: 1 })
    endUse()
    endUse()
    expect(server.state().uses).toBe(0)
    clock.fire(IDLE_MS)
    expect(server.state().phase).toBe('stopping')
    await server.ready()
    expect(isAlive(pid)).toBe(false)
    expect(started()).toEqual([pid, server.state().pid])
    clock.fire(IDLE_MS)
    await expect.poll(() => server.state().phase).toBe('stopped')
    expect([existsSync(socketPath), existsSync(`${socketPath}.pid`)]).toEqual([false, false])
  })

  test('that dies instead of starting fails with its last lines of output', async () => {
    const { server } = await managed({ habits: ['dies'] })
    await expect(server.ready()).rejects.toMatchObject({
      code: 'upstream-failed',
      message: 'tiny exited with code 3:\nreading the model\nno such model',
    })
    expect(server.state()).toMatchObject({ phase: 'stopped', pid: undefined, crashes: 1 })
  })

  test('whose program doesn’t exist fails with “upstream-failed”', async () => {
    const { server } = await managed({ command: ['/nowhere/llama-server'] })
    await expect(server.ready()).rejects.toMatchObject({
      code: 'upstream-failed',
      message: expect.stringContaining('/nowhere/llama-server'),
    })
  })

  test('is ended when it doesn’t become ready in time', async () => {
    const { server, clock, processEnded } = await managed({ habits: ['never-ready'], startTimeoutMs: 60_000 })
    const ready = server.ready()
    const outcome = failureOf(ready)
    await expect.poll(() => server.state().pid).toBeDefined()
    clock.skip(60_000)
    expect(await outcome).toMatchObject({ code: 'upstream-timeout' })
    expect(processEnded()).toHaveLength(1)
  })

  test('is restarted at once after a crash, and cools down after the next', async () => {
    const { server, clock, crash } = await managed()
    await server.ready()
    await crash()
    expect(server.state()).toMatchObject({ phase: 'stopped', crashes: 1 })
    await server.ready()
    await crash()
    await expect(server.ready()).rejects.toMatchObject({
      code: 'upstream-failed',
      details: { retryAfter: 1 },
    })
    clock.skip(1000)
    await server.ready()
    clock.skip(60_000)
    await crash()
    expect(server.state().crashes).toBe(1)
  })

  test('keeps starting for the other callers when one aborts', async () => {
    const { server, started } = await managed()
    const endUse = new AbortController()
    const outcome = failureOf(server.ready(endUse.signal))
    const stays = server.ready()
    endUse.abort('left')
    expect(await outcome).toBe('left')
    await stays
    expect(started()).toHaveLength(1)
  })

  test('leaves no process behind when it is closed, even if it ignores SIGTERM and has children', async () => {
    const { server, ask, socketPath } = await managed({ habits: ['parent', 'stubborn'], graceMs: 50 })
    await server.ready()
    const { pid, child } = await ask('/')
    expect([isAlive(pid), isAlive(child)]).toEqual([true, true])
    await server.close()
    await expect.poll(() => [isAlive(pid), isAlive(child)]).toEqual([false, false])
    expect(existsSync(socketPath)).toBe(false)
    await expect(server.ready()).rejects.toMatchObject({ code: 'stopping' })
  })

  test('that is closed while it starts is ended, and its callers get “stopping”', async () => {
    const { server, processEnded, started } = await managed({ habits: ['never-ready'] })
    const waits = failureOf(server.ready())
    await expect.poll(() => started()).toHaveLength(1)
    await server.close()
    expect(await waits).toMatchObject({ code: 'stopping' })
    expect(processEnded()).toHaveLength(1)
  })

  test('can listen on a port', async () => {
    await using folder = await temporaryFolder()
    const port = await freePort()
    const { server } = await managed({
      address: { port },
      command: [process.execPath, tinyServer, '{port}'],
      recordPath: join(folder.path, 'pid'),
    })
    await server.ready()
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200)
    await server.close()
  })

  test('is not taken over from a broker that still runs', async () => {
    const { server, socketPath } = await managed()
    await server.ready()
    const { server: second } = await managed({ address: { socketPath } })
    await expect(second.ready()).rejects.toThrow(`process ${process.pid} runs this server already`)
    expect(server.state().phase).toBe('running')
  })
})

describe('after a kill -9 of the broker', () => {
  test.skipIf(!hasSetpriv)('its managed server ends by itself', async () => {
    await using folder = await temporaryFolder()
    const pid = await killedBroker(join(folder.path, 's.sock'))
    await expect.poll(() => isAlive(pid)).toBe(false)
  })

  test('the next broker ends the orphaned server and starts its own', async () => {
    await using folder = await temporaryFolder()
    const socketPath = join(folder.path, 's.sock')
    const pid = await killedBroker(socketPath, 'stubborn')
    expect(isAlive(pid)).toBe(true)
    const { server } = await managed({ address: { socketPath }, graceMs: 50 })
    await server.ready()
    expect(isAlive(pid)).toBe(false)
    expect(server.state().pid).not.toBe(pid)
    await server.close()
  })
})

const tinyServer = join(import.meta.dirname, '..', 'tiny-server.ts')

/** A managed tiny server that is closed after the test. */
async function managed({
  habits = [],
  ...options
}: Partial<ManagedServerOptions> & { habits?: string[] } = {}) {
  const folder = await temporaryFolder()
  const address = options.address ?? { socketPath: join(folder.path, 's.sock') }
  const socketPath = 'socketPath' in address ? address.socketPath : ''
  const clock = adjustableClock()
  const { ask, close } = socketClient(socketPath)
  const events: { type: string; pid?: number | undefined }[] = []
  const server = createManagedServer({
    name: 'tiny',
    command: [process.execPath, tinyServer, '{socket}', ...habits],
    idleTimeoutMs: IDLE_MS,
    clock,
    log: (event) => void events.push(event),
    ...options,
    address,
  })
  onTestFinished(async () => {
    await close()
    await server.close()
    await folder[Symbol.asyncDispose]()
  })
  return {
    server,
    socketPath,
    clock,
    ask: async (path: string) =>
      (await (await ask(path)).json()) as { pid: number; child: number; env: object },
    crash: async () => {
      await ask('/crash').catch(() => {})
      await expect.poll(() => server.state().phase).toBe('stopped')
    },
    started: () => events.filter(({ type }) => type === 'process-started').map(({ pid }) => pid),
    processEnded: () => events.filter(({ type }) => type === 'process-ended'),
  }
}

function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => 'no failure',
    (thrown: unknown) => thrown,
  )
}

/** Real time for short waits, because the processes are real; idle timers end when the test fires them. */
function adjustableClock() {
  let skipped = 0
  let held: { ms: number; run: () => void }[] = []
  return {
    now: () => systemClock.now() + skipped,
    monotonic: () => systemClock.monotonic() + skipped,
    after(ms: number, run: () => void) {
      if (ms < IDLE_MS) return systemClock.after(ms, run)
      const timer = { ms, run }
      held.push(timer)
      return () => {
        held = held.filter((other) => other !== timer)
      }
    },
    skip(ms: number) {
      skipped += ms
    },
    fire(ms: number) {
      for (const { run } of held.filter((timer) => timer.ms === ms)) run()
    },
  }
}

/** Starts a broker with a managed server, kills it with SIGKILL, and returns the server's pid. */
async function killedBroker(socketPath: string, ...habits: string[]): Promise<number> {
  const broker = spawn(
    process.execPath,
    [join(import.meta.dirname, '..', 'tiny-broker.ts'), socketPath, ...habits],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [line] = (await once(broker.stdout, 'data')) as [Buffer]
  const pid = Number(line.toString())
  onTestFinished(() => void (isAlive(pid) && process.kill(pid, 'SIGKILL')))
  broker.kill('SIGKILL')
  await once(broker, 'exit')
  return pid
}

/** Whether a process runs; a zombie does not. */
function isAlive(pid: number | undefined): boolean {
  try {
    process.kill(pid ?? -1, 0)
    return !existsSync('/proc') || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

function canRun(program: string, args: string[]): boolean {
  try {
    execFileSync(program, args)
    return true
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
