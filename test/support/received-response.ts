import type { BrokerError } from '../../src/base/errors.ts'
import type {
  Upstream,
  UpstreamCall,
  UpstreamHandler,
  UpstreamRequest,
} from '../../src/providers/transport/upstream.ts'

/** What a handler heard of one call, in the end. */
export interface HeardAnswer {
  status: number | undefined
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: Buffer
  error: BrokerError | undefined
  /** Every call of the handler in its order: `headers`, `data`, `end`, `error`. Data is named once. */
  events: string[]
}

export interface Listening {
  readonly call: UpstreamCall
  /** Resolves with the first ending. */
  readonly answer: Promise<HeardAnswer>
  readonly heard: HeardAnswer
}

export const QUESTION: UpstreamRequest = {
  method: 'POST',
  path: '/chat',
  headers: ['content-type', 'application/json'],
  body: Buffer.from('{"a":1}'),
}

/** Sends and writes down what comes; `on` may do more at each step. */
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

export async function hearAnswer(upstream: Upstream, request?: UpstreamRequest): Promise<HeardAnswer> {
  return await listenTo(upstream, request).answer
}
