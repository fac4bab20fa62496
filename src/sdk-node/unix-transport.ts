import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'

import { BrokerError } from '../base/errors.ts'
import { JSON_BODY } from '../sdk/transport.ts'
import type { Transport } from '../sdk/transport.ts'
import type { BrokerSockets } from './socket-paths.ts'

export interface UnixOptions {
  /** Sent with each request, `authorization` for example. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Connects to a broker on this machine through its Unix sockets. */
export function unixTransport(sockets: BrokerSockets, options: UnixOptions = {}): Transport {
  return async ({ listener, method, path, body, accept, signal }) => {
    const socketPath = sockets[listener]
    const acceptHeader = accept === undefined ? {} : { accept }
    const headers = { host: 'localhost', ...JSON_BODY, ...options.headers, ...acceptHeader }
    const outgoing = request({ socketPath, method, path, headers, signal, agent: false }).end(body)
    try {
      const [incoming]: IncomingMessage[] = await once(outgoing, 'response')
      if (incoming === undefined) throw new Error('no response came')
      return {
        status: incoming.statusCode ?? 0,
        header: (name) => [incoming.headers[name] ?? []].flat()[0],
        body: readBody(incoming, socketPath, signal),
      }
    } catch (cause) {
      signal?.throwIfAborted()
      throw connectionError(socketPath, cause)
    }
  }
}

/** `forbidden` for a socket that this user may not open: another user's broker may be running, so that starting one would not help. */
function connectionError(socketPath: string, cause: unknown): BrokerError {
  const isForbidden = cause instanceof Error && 'code' in cause && cause.code === 'EACCES'
  return isForbidden
    ? new BrokerError('forbidden', `this user may not open ${socketPath}; it belongs to another user`, {
        cause,
      })
    : new BrokerError('unreachable', `no broker answers at ${socketPath}`, { cause })
}

async function* readBody(
  incoming: IncomingMessage,
  socketPath: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    yield* incoming
  } catch (cause) {
    signal?.throwIfAborted()
    throw new BrokerError(
      'unreachable',
      `the broker at ${socketPath} closed the connection before its response was complete`,
      {
        cause,
      },
    )
  }
}
