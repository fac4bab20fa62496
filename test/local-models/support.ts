import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { Agent, fetch } from 'undici'
import { systemClock, type Clock } from '../../src/base/clock.ts'
import { startLoopback } from '../../src/local-models/mock/mock-provider.ts'

/** A folder with a short path, for sockets. */
export async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'local-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Sends requests to a server on a Unix socket. */
export function caller(socketPath: string) {
  const agent = new Agent({ connect: { socketPath } })
  const ask = (path: string, options: Parameters<typeof fetch>[1] = {}) =>
    fetch(`http://localhost${path}`, { ...options, dispatcher: agent })
  return { ask, close: () => agent.destroy() }
}

/** A mock provider, with plain requests and OpenAI's own client to call it. */
export async function startedLoopback(clock: Clock = systemClock) {
  const folder = await temporaryFolder()
  const socketPath = join(folder.path, 'loopback.sock')
  const loopback = await startLoopback({ socketPath, clock, random: (count) => 'x'.repeat(count) })
  const { ask, close } = caller(socketPath)
  const client = new OpenAI({
    apiKey: 'none',
    baseURL: 'http://localhost/v1',
    maxRetries: 0,
    fetch: socketFetch(ask),
  })
  return {
    socketPath,
    client,
    ask,
    say: (content: string, more: object = {}) =>
      ask('/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify({ model: 'loopback', messages: [{ role: 'user', content }], ...more }),
      }),
    async [Symbol.asyncDispose]() {
      await close()
      await loopback.close()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** A clock that stands still until `advance`. */
export function manualClock() {
  let now = 0
  let timers: { at: number; run: () => void }[] = []
  let noticed = Promise.withResolvers<void>()
  return {
    now: () => now,
    monotonic: () => now,
    after(ms: number, run: () => void) {
      const timer = { at: now + ms, run }
      timers.push(timer)
      noticed.resolve()
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    pending: () => timers.map(({ at }) => at - now),
    /** Resolves when a timer is pending. */
    async awaited() {
      while (timers.length === 0) {
        noticed = Promise.withResolvers()
        await noticed.promise
      }
    },
    advance(ms: number) {
      now += ms
      const due = timers.filter(({ at }) => at <= now)
      timers = timers.filter(({ at }) => at > now)
      for (const { run } of due) run()
    },
  }
}

/** A `fetch` for OpenAI's client that connects to a socket. */
function socketFetch(ask: ReturnType<typeof caller>['ask']): typeof globalThis.fetch {
  const dial = async (url: string, { body, headers, ...options }: RequestInit) => {
    if (!(body instanceof FormData))
      return ask(new URL(url).pathname, { body, headers, ...options } as object)
    // undici doesn't accept the runtime's own FormData, so it gets the bytes.
    const encoded = new Response(body)
    const all = new Headers(headers)
    all.set('content-type', encoded.headers.get('content-type') ?? '')
    return ask(new URL(url).pathname, { ...options, headers: all, body: await encoded.bytes() } as object)
  }
  // The client checks for `Response` to decide whether it can send forms.
  return Object.assign(dial, { Response }) as unknown as typeof globalThis.fetch
}
