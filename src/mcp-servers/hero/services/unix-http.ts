import { request } from 'node:http'
import { ToolFailure } from '../../shared/tool-failure.ts'

export interface UnixRequest {
  readonly socket: string
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** JSON text. */
  readonly body?: string | undefined
  readonly timeoutMs: number
  readonly maxBytes: number
}

export interface UnixResponse {
  readonly status: number
  readonly text: string
}

/** Sends one HTTP request over a Unix socket. Throws `network`, `timeout`, `upstream` (too long) or `cancelled`. */
export function sendUnixRequest(unixRequest: UnixRequest, signal: AbortSignal): Promise<UnixResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<UnixResponse>()
  const deadline = AbortSignal.timeout(unixRequest.timeoutMs)
  const outgoing = request({
    socketPath: unixRequest.socket,
    path: unixRequest.path,
    method: unixRequest.method,
    agent: false,
    signal: AbortSignal.any([signal, deadline]),
    headers: {
      host: 'localhost',
      accept: 'application/json',
      ...(unixRequest.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...unixRequest.headers,
    },
  })
  outgoing.on('error', (error) => reject(failureOf(error)))
  outgoing.on('response', (incoming) => {
    const chunks: Buffer[] = []
    let length = 0
    incoming.on('error', (error) => reject(failureOf(error)))
    incoming.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > unixRequest.maxBytes)
        outgoing.destroy(new ToolFailure('upstream', 'the response was too long'))
    })
    incoming.on('end', () =>
      resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
    )
  })
  outgoing.end(unixRequest.body)
  return promise

  function failureOf(error: Error): ToolFailure {
    if (error instanceof ToolFailure) return error
    if (signal.aborted) return new ToolFailure('cancelled', 'the caller cancelled')
    if (deadline.aborted)
      return new ToolFailure('timeout', `no response within ${unixRequest.timeoutMs / 1000} s`)
    const code = 'code' in error ? String(error.code) : error.message
    return new ToolFailure('network', `could not connect to ${unixRequest.socket} (${code})`)
  }
}

/** The body as JSON; `undefined` if it is not JSON. */
export function jsonOf({ text }: UnixResponse): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
