import type { BrokerError } from '../../src/base/errors.ts'
import type {
  Upstream,
  UpstreamCall,
  UpstreamHandler,
  UpstreamRequest,
} from '../../src/providers/transport/upstream.ts'

/** Everything that one call reported to its handler. */
export interface HeardAnswer {
  status: number | undefined
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: Buffer
  error: BrokerError | undefined
  /** The calls of the handler in order: `headers`, `data`, `end`, `error`. Consecutive `data` calls are listed once. */
  events: string[]
}

/** A call under way whose response is being recorded. */
export interface Listening {
  readonly call: UpstreamCall
  /** Resolves at the first `end` or `error`. */
  readonly answer: Promise<HeardAnswer>
  /** What has been recorded so far. */
  readonly heard: HeardAnswer
}

/** A small POST request for tests that need any request. */
export const QUESTION: UpstreamRequest = {
  method: 'POST',
  path: '/chat',
  headers: ['content-type', 'application/json'],
  body: Buffer.from('{"a":1}'),
}

/** Sends a request and records its response; `on` adds handlers to each step. */
export function listenTo(
  upstream: Upstream,
  request: UpstreamRequest = QUESTION,
  on: Partial<UpstreamHandler> = {},
): Listening {
  const heard: HeardAnswer = {
    status: undefined,
    headers: {},
    body: Buffer.alloc(0),
    error: undefined,
    events: [],
  }
  const { promise, resolve } = Promise.withResolvers<HeardAnswer>()
  const call = upstream.send(request, {
    onHeaders(status, headers) {
      heard.events.push('headers')
      heard.status = status
      heard.headers = headers
      on.onHeaders?.(status, headers)
    },
    onData(bytes) {
      if (heard.events.at(-1) !== 'data') heard.events.push('data')
      heard.body = Buffer.concat([heard.body, bytes])
      on.onData?.(bytes)
    },
    onEnd() {
      heard.events.push('end')
      on.onEnd?.()
      resolve(heard)
    },
    onError(error) {
      heard.events.push('error')
      heard.error = error
      on.onError?.(error)
      resolve(heard)
    },
  })
  return { call, answer: promise, heard }
}

/** Sends a request and returns the recorded response once it has ended. */
export async function hearAnswer(upstream: Upstream, request?: UpstreamRequest): Promise<HeardAnswer> {
  return await listenTo(upstream, request).answer
}
