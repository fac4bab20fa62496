import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { Agent, fetch } from 'undici'
import { systemClock, type Clock } from '../../src/base/clock.ts'
import { startMockProvider } from '../../src/local-models/mock/mock-provider.ts'

/** A folder with a short path, for sockets. */
export async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'local-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Sends requests to a server on a Unix socket. */
export function socketClient(socketPath: string) {
  const agent = new Agent({ connect: { socketPath } })
  const ask = (path: string, options: Parameters<typeof fetch>[1] = {}) =>
    fetch(`http://localhost${path}`, { ...options, dispatcher: agent })
  return { ask, close: () => agent.destroy() }
}

/** A mock provider, with plain requests and OpenAI's own client to call it. */
export async function startMock(clock: Clock = systemClock) {
  const folder = await temporaryFolder()
  const socketPath = join(folder.path, 'loopback.sock')
  const provider = await startMockProvider({ socketPath, clock, random: (count) => 'x'.repeat(count) })
  const { ask, close } = socketClient(socketPath)
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
    chat: (content: string, more: object = {}) =>
      ask('/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify({ model: 'loopback', messages: [{ role: 'user', content }], ...more }),
      }),
    async [Symbol.asyncDispose]() {
      await close()
      await provider.close()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** A clock that stands still until `advance`. */
export function manualClock() {
  let now = 0
  let timers: { at: number; run: () => void }[] = []
  let timerAdded = Promise.withResolvers<void>()
  return {
    now: () => now,
    monotonic: () => now,
    after(ms: number, run: () => void) {
      const timer = { at: now + ms, run }
      timers.push(timer)
      timerAdded.resolve()
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    pending: () => timers.map(({ at }) => at - now),
    /** Resolves when a timer is pending. */
    async timerPending() {
      while (timers.length === 0) {
        timerAdded = Promise.withResolvers()
        await timerAdded.promise
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
function socketFetch(ask: ReturnType<typeof socketClient>['ask']): typeof globalThis.fetch {
  const connectFetch = async (url: string, { body, headers, ...options }: RequestInit) => {
    if (!(body instanceof FormData))
      return ask(new URL(url).pathname, { body, headers, ...options } as object)
    // undici doesn't accept the runtime's own FormData, so it gets the bytes.
    const encoded = new Response(body)
    const all = new Headers(headers)
    all.set('content-type', encoded.headers.get('content-type') ?? '')
    return ask(new URL(url).pathname, { ...options, headers: all, body: await encoded.bytes() } as object)
  }
  // The client checks for `Response` to decide whether it can send forms.
  return Object.assign(connectFetch, { Response }) as unknown as typeof globalThis.fetch
}
