import { Readable } from 'node:stream'
import { Pool, ProxyAgent, errors, type Dispatcher } from 'undici'
import { BrokerError } from '../../base/errors.ts'
import { isStreamed } from '../streamed-body.ts'
import type { BaseUrl } from './base-url.ts'
import type { ProxyAddress } from './proxy/proxy-address.ts'
import { resourceLimitError } from './resource-limits.ts'
import { DEFAULT_LIMITS, type TimeLimits } from './timeouts.ts'
import type { Upstream, UpstreamCall, UpstreamHandler, UpstreamHeaders, UpstreamRequest } from './upstream.ts'

/** Requests to one provider beyond this number wait for a connection. */
const MAX_CONNECTIONS = 1024

/** An upstream over undici's `dispatch`: a quarter of the CPU of `fetch` in the measurements that `docs/decisions` names. */
export function undiciUpstream(
  base: BaseUrl,
  limits: Pick<TimeLimits, 'connectMs'> = DEFAULT_LIMITS,
  proxy?: ProxyAddress,
): Upstream {
  const options = {
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    // `ResponseTimeouts` limits silence: it knows what is waited for.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      timeout: limits.connectMs,
      ...(base.socketPath === undefined ? {} : { socketPath: base.socketPath }),
    },
  } as const
  const pool = proxy === undefined ? new Pool(base.origin, options) : proxyAgent(proxy, limits, options)
  return {
    send(request, handler) {
      const call = new UndiciCall(handler)
      const dispatched: Dispatcher.DispatchOptions = {
        origin: base.origin,
        method: request.method,
        path: base.prefix + request.path,
        ...contentOf(request),
      }
      pool.dispatch(dispatched, call)
      return call
    },
    close: () => pool.close(),
  }
}

function contentOf({ headers, body }: UpstreamRequest): Pick<Dispatcher.DispatchOptions, 'headers' | 'body'> {
  if (!isStreamed(body)) return { headers, ...(body === undefined ? {} : { body }) }
  const length = ['content-length', String(body.byteLength)]
  return { headers: [...headers, ...length], body: Readable.from(body.read(), { objectMode: false }) }
}

function proxyAgent(
  { shown, authorization }: ProxyAddress,
  { connectMs: timeout }: Pick<TimeLimits, 'connectMs'>,
  options: Pick<ProxyAgent.Options, 'connections' | 'pipelining' | 'headersTimeout' | 'bodyTimeout'>,
): ProxyAgent {
  return new ProxyAgent({
    ...options,
    uri: shown,
    ...(authorization !== undefined && { token: authorization.reveal() }),
    proxyTls: { timeout },
    requestTls: { timeout },
    proxyTunnel: false,
  })
}

const ABORTED = new BrokerError('upstream-failed', 'aborted by us')

/** One call, between undici and our handler. */
class UndiciCall implements Dispatcher.DispatchHandler, UpstreamCall {
  readonly #handler: UpstreamHandler
  wasSent = false
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false
  #isPaused = false

  constructor(handler: UpstreamHandler) {
    this.#handler = handler
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#controller?.abort(ABORTED)
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#controller?.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // The caller may have left while the request waited for a connection.
    if (this.#isOver) controller.abort(ABORTED)
    else this.wasSent = true
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: UpstreamHeaders): void {
    if (this.#isOver || status < 200) return
    this.#handler.onHeaders(status, headers)
  }

  onResponseData(_: Dispatcher.DispatchController, bytes: Buffer): void {
    if (!this.#isOver) this.#handler.onData(bytes)
  }

  onResponseEnd(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#handler.onEnd()
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#handler.onError(translate(error))
  }
}

function translate(error: Error): BrokerError {
  if (error instanceof BrokerError) return error
  const ours = resourceLimitError(error)
  if (ours !== undefined) return ours
  if (isTimeout(error)) {
    return new BrokerError('upstream-timeout', `the provider took too long: ${error.message}`, {
      cause: error,
    })
  }
  return new BrokerError('upstream-failed', `the connection to the provider failed: ${error.message}`, {
    cause: error,
    details: isUnconnected(error) ? { mayRepeat: true } : {},
  })
}

/** Error codes of the system when there was no connection, so nothing was sent. */
const UNCONNECTED = ['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']

function isUnconnected(error: Error): boolean {
  return UNCONNECTED.includes((error as NodeJS.ErrnoException).code ?? '')
}

function isTimeout(error: Error): boolean {
  return (
    error instanceof errors.ConnectTimeoutError ||
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError
  )
}
