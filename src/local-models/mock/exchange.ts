import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { BrokerError, ERRORS } from '../../base/errors.ts'

/** One request and its response, with what the routes need to write it. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly clock: Clock
  /** Random letters and digits for ids. */
  readonly random: (count: number) => string
  /** Aborts when the response is complete or the caller has disconnected. */
  readonly signal: AbortSignal
}

const MAX_BODY_BYTES = 32 * 1024 * 1024

/** The whole body. Throws `too-large` beyond 32 MiB. */
export async function readBody({ request }: Exchange): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > MAX_BODY_BYTES)
      throw new BrokerError('too-large', 'the loopback provider accepts at most 32 MiB')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

export async function readJson(exchange: Exchange): Promise<unknown> {
  const body = await readBody(exchange)
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch (cause) {
    throw new BrokerError('bad-request', 'the body is not JSON', { cause })
  }
}

export function sendJson({ response }: Exchange, value: unknown, status = 200): void {
  sendBytes(response, 'application/json', Buffer.from(JSON.stringify(value)), status)
}

export function sendBytes(response: ServerResponse, type: string, bytes: Buffer, status = 200): void {
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length })
  response.end(bytes)
}

/** An error body in OpenAI's shape. */
export function errorBody(message: string, type: string, code: string | number): object {
  return { error: { message, type, param: null, code } }
}

export function sendError(exchange: Exchange, failure: BrokerError): void {
  const { http, type } = ERRORS[failure.code]
  exchange.response.setHeader('connection', 'close')
  sendJson(exchange, errorBody(failure.message, type, failure.code), http)
}

/** Writes a chunk and waits until the socket's buffer has room again or the caller has disconnected. */
export async function write({ response, signal }: Exchange, piece: string): Promise<void> {
  if (signal.aborted || response.write(piece)) return
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    response.once('drain', done)
    signal.addEventListener('abort', done)
  })
}

/** Waits `ms`, or until the caller disconnects. */
export async function pause({ clock, signal }: Exchange, ms: number): Promise<void> {
  if (ms <= 0 || signal.aborted) return
  await new Promise<void>((resolve) => {
    const done = () => {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(ms, done)
    signal.addEventListener('abort', done)
  })
}

/** Waits until the caller disconnects. */
export async function untilDisconnect({ signal }: Exchange): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
