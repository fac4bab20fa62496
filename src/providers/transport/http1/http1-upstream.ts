import type { Clock } from '../../../base/clock.ts'
import { asBrokerError } from '../../../base/errors.ts'
import type { BaseUrl } from '../base-url.ts'
import type { Upstream } from '../upstream.ts'
import { HttpCall } from './http-call.ts'
import { ConnectionPool } from './connection-pool.ts'
import type { Timeouts } from './connection.ts'
import type { ProxyAddress } from '../proxy/proxy-address.ts'
import { createConnector, type TlsOptions } from './connect.ts'
import { requestHead } from './request-writer.ts'

/** How long a response may take is known above this layer; a connection comes soon or never. */
const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 10_000, headersMs: Infinity, gapMs: Infinity }

const MAX_CONNECTIONS = 1024

export interface Http1Options {
  readonly clock: Clock
  readonly timeouts?: Partial<Timeouts> | undefined
  readonly tls?: TlsOptions | undefined
  /** Through which the provider is reached; directly without it. */
  readonly proxy?: ProxyAddress | undefined
  /** Requests beyond this number wait for a connection, each no longer than `headersMs`. */
  readonly maxConnections?: number | undefined
}

/**
 * An HTTP/1.1 client with kept connections: as strict as its RFC (9112), and smaller than a client for all purposes. The
 * handler is never called before `send` has returned. A pause takes effect after the bytes that were already read, at most
 * 64 KB. A request is sent once more, on a new connection, only when a kept one was closed before any byte of it was written.
 * Errors have `details.mayRepeat` when the provider cannot have read the request, and `details.isStale` when a kept
 * connection was closed as the request was sent, so that it may have.
 */
export function http1Upstream(base: BaseUrl, options: Http1Options): Upstream {
  const { clock, tls, proxy, maxConnections = MAX_CONNECTIONS } = options
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts }
  const connector = createConnector(base, tls, proxy)
  const pool = new ConnectionPool({ connector, timeouts, clock, maxConnections })
  return {
    send(request, handler) {
      try {
        const call = new HttpCall(requestHead(request, connector, base.prefix), request.body, handler)
        pool.send(call)
        return call
      } catch (error) {
        const call = new HttpCall('', undefined, handler)
        queueMicrotask(() => call.fail(asBrokerError(error)))
        return call
      }
    },
    close: () => pool.close(),
  }
}
