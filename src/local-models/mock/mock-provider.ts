// The built-in mock provider, on a Unix socket: without keys and network the broker still works, and can be tested.
import { chmod } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { randomLetters } from '../../base/ids.ts'
import { listenOn } from '../listen.ts'
import { speech, transcriptions } from './audio.ts'
import { chat } from './chat.ts'
import { embeddings } from './embeddings.ts'
import { sendError, sendJson, type Exchange } from './exchange.ts'
import { images, moderations, rerank } from './toy-media.ts'
import { mockDescription, mockModels } from './models.ts'

export interface MockProviderOptions {
  readonly socketPath: string
  readonly clock: Clock
  /** Random letters and digits for ids; the system's randomness when absent. */
  readonly random?: ((count: number) => string) | undefined
}

/** A running mock provider. */
export interface MockProvider {
  /** Ends all responses and removes the socket. */
  close(): Promise<void>
}

const routes: Readonly<Record<string, (exchange: Exchange) => void | Promise<void>>> = {
  'POST /v1/chat/completions': chat,
  'POST /v1/embeddings': embeddings,
  'POST /v1/audio/speech': speech,
  'POST /v1/audio/transcriptions': transcriptions,
  'POST /v1/audio/translations': transcriptions,
  'POST /v1/rerank': rerank,
  'POST /v1/moderations': moderations,
  'POST /v1/images/generations': images,
  'GET /v1/models': listModels,
  'GET /health': (exchange) =>
    sendJson(exchange, { status: 'ok', name: 'loopback', description: mockDescription }),
}

/** Starts the mock provider. Replaces a stale socket file; throws `upstream-down` when a process listens on it. */
export async function startMockProvider({
  socketPath,
  clock,
  random = randomLetters,
}: MockProviderOptions): Promise<MockProvider> {
  const server = createServer((request, response) => void serve({ request, response, clock, random }))
  await listenOn(server, socketPath)
  await chmod(socketPath, 0o600)
  return {
    async close() {
      if (!server.listening) return
      const closed = new Promise((resolve) => server.once('close', resolve))
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function serve(parts: Omit<Exchange, 'signal'>): Promise<void> {
  const exchange = { ...parts, signal: untilClosed(parts.response) }
  try {
    await routeFor(parts.request)(exchange)
  } catch (thrown) {
    if (parts.response.headersSent) parts.response.destroy()
    else sendError(exchange, asBrokerError(thrown))
  }
}

function routeFor({ method, url }: IncomingMessage) {
  const name = `${method} ${url?.split('?')[0]}`
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined
  if (route === undefined) throw new BrokerError('not-found', `loopback has no ${name}`)
  return route
}

function untilClosed(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  response.once('close', () => controller.abort())
  return controller.signal
}

function listModels(exchange: Exchange): void {
  const data = mockModels.map(({ id, displayName, description, kind, contextWindow }) => ({
    id,
    object: 'model',
    created: 0,
    owned_by: 'loopback',
    name: displayName,
    description,
    kind,
    context_length: contextWindow,
  }))
  sendJson(exchange, { object: 'list', data })
}
