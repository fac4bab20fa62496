import type { BrokerError } from '../../src/base/errors.ts'
import type {
  Upstream,
  UpstreamCall,
  UpstreamHandler,
  UpstreamRequest,
} from '../../src/providers/transport/upstream.ts'

/** Everything that one call reported to its handler. */
export interface RecordedResponse {
  status: number | undefined
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: Buffer
  error: BrokerError | undefined
  /** The calls of the handler in order: `headers`, `data`, `end`, `error`. Consecutive `data` calls are listed once. */
  events: string[]
}

/** A call under way whose response is being recorded. */
export interface RecordedCall {
  readonly call: UpstreamCall
  /** Resolves at the first `end` or `error`. */
  readonly response: Promise<RecordedResponse>
  /** What has been recorded so far. */
  readonly recorded: RecordedResponse
}

/** A small POST request for tests that need any request. */
export const TEST_REQUEST: UpstreamRequest = {
  method: 'POST',
  path: '/chat',
  headers: ['content-type', 'application/json'],
  body: Buffer.from('{"a":1}'),
}

/** Sends a request and records its response; `on` adds handlers to each step. */
export function recordCall(
  upstream: Upstream,
  request: UpstreamRequest = TEST_REQUEST,
  on: Partial<UpstreamHandler> = {},
): RecordedCall {
  const recorded: RecordedResponse = {
    status: undefined,
    headers: {},
    body: Buffer.alloc(0),
    error: undefined,
    events: [],
  }
  const { promise, resolve } = Promise.withResolvers<RecordedResponse>()
  const call = upstream.send(request, {
    onHeaders(status, headers) {
      recorded.events.push('headers')
      recorded.status = status
      recorded.headers = headers
      on.onHeaders?.(status, headers)
    },
    onData(bytes) {
      if (recorded.events.at(-1) !== 'data') recorded.events.push('data')
      recorded.body = Buffer.concat([recorded.body, bytes])
      on.onData?.(bytes)
    },
    onEnd() {
      recorded.events.push('end')
      on.onEnd?.()
      resolve(recorded)
    },
    onError(error) {
      recorded.events.push('error')
      recorded.error = error
      on.onError?.(error)
      resolve(recorded)
    },
  })
  return { call, response: promise, recorded }
}

/** Sends a request and returns the recorded response once it has ended. */
export async function recordResponse(
  upstream: Upstream,
  request?: UpstreamRequest,
): Promise<RecordedResponse> {
  return await recordCall(upstream, request).response
}
