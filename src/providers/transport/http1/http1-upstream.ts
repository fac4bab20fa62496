import type { Clock } from '../../../base/clock.ts'
import { asBrokerError } from '../../../base/errors.ts'
import type { BaseUrl } from '../base-url.ts'
import type { Upstream } from '../upstream.ts'
import { Call } from './http-call.ts'
import { Connections } from './connection-pool.ts'
import type { Timeouts } from './connection.ts'
import { createDialer, type TlsOptions } from './connect.ts'
import { requestHead } from './request-writer.ts'

/** An answer may be long in coming, and whoever asks knows how long; a connection is there soon or never. */
const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 10_000, headersMs: Infinity, gapMs: Infinity }

const MOST_CONNECTIONS = 1024

export interface LeanOptions {
  readonly clock: Clock
  readonly timeouts?: Partial<Timeouts> | undefined
  readonly tls?: TlsOptions | undefined
  /** More requests than this at once wait for a connection, each no longer than for an answer's headers. */
  readonly mostConnections?: number | undefined
}

/**
 * An upstream over a socket and little else: HTTP/1.1 with kept connections, as strict as its RFC (9112) and smaller than a
 * client for everybody. The handler is never called before `send` has returned. A pause takes hold after the bytes that
 * were read already, at most 64 KB. A request that met a kept connection as it was being given up is sent once more, on a
 * new one. Errors say with `details.mayRepeat` when the provider can't have heard the request.
 */
export function leanUpstream(base: BaseUrl, options: LeanOptions): Upstream {
  const { clock, tls, mostConnections = MOST_CONNECTIONS } = options
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts }
  const dialer = createDialer(base, tls)
  const connections = new Connections({ dialer, timeouts, clock, mostConnections })
  return {
    send(request, handler) {
      try {
        const call = new Call(requestHead(request, dialer.host, base.prefix), request.body, handler)
        connections.carry(call)
        return call
      } catch (error) {
        const call = new Call('', undefined, handler)
        queueMicrotask(() => call.fail(asBrokerError(error)))
        return call
      }
    },
    close: () => connections.close(),
  }
}
