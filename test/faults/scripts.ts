import { expect } from 'vitest'
import {
  chatChunk,
  cut,
  done,
  head,
  finishChunk,
  json,
  raw,
  reset,
  sse,
  usageChunk,
  wire,
  type Step,
} from '../support/scripted-upstream.ts'
import type { ReceivedChat } from './broker-with-providers.ts'

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }

/** A complete stream; with the prices of these tests it costs 20,000 nano-dollars. */
export function says(...texts: string[]): Step[] {
  return [sse(...texts.map((text) => chatChunk(text)), finishChunk(), usageChunk(USAGE), done)]
}

/** A complete plain response; with the prices of these tests it costs 20,000 nano-dollars. */
export function answers(text: string): Step[] {
  return [json(200, plainResponse(text))]
}

/** The body of a plain chat response. */
export function plainResponse(text: string): object {
  const choice = { index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }
  return { id: 'x', object: 'chat.completion', choices: [choice], usage: USAGE }
}

/** An error response with this status. */
export function refuses(status: number, message = 'because', headers = {}): Step[] {
  return [json(status, { error: { message } }, headers)]
}

/** The chunk that many providers send at once, before the first text. */
export const role = chatChunk('', {
  choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
})

export function expectBroken({ isDone, finish, error }: ReceivedChat): void {
  expect([isDone, finish, error]).toEqual([false, undefined, expect.anything()])
}

export function expectWhole(response: ReceivedChat, text: string): void {
  const { status, isDone, finish, error } = response
  expect({ status, text: response.text, isDone, finish, error }).toEqual({
    status: 200,
    text,
    isDone: true,
    finish: 'stop',
    error: undefined,
  })
}

const HTTP_200 = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const html = (status: number): Step[] => [
  head(status, { 'content-type': 'text/html' }),
  raw('<h1>Sorry</h1>'),
]

/** Faults of a provider before any response; they need TCP. */
export const FAULTS: Readonly<Record<string, Step[]>> = {
  'a 500': refuses(500),
  'a 502 with HTML': html(502),
  'a 503 with Retry-After': refuses(503, 'later', { 'retry-after': '20' }),
  'a 529': refuses(529),
  'a 404 for the model': refuses(404),
  'a 401': refuses(401),
  'a 402': refuses(402),
  'a 403': refuses(403),
  'a 429 with Retry-After': refuses(429, 'slow down', { 'retry-after': '30' }),
  'a 429 without Retry-After': refuses(429),
  'a 301': [head(301, { location: 'http://127.0.0.1:1/' })],
  'a 200 with HTML': html(200),
  'a 200 with an error object': [json(200, { error: { message: 'no', code: 503 } })],
  'a 200 with an empty body': [head(200, { 'content-type': 'application/json' })],
  'a reset before headers': [reset],
  'a cut before headers': [cut],
  'a reset after headers': [head(200, { 'content-type': 'text/event-stream' }), reset],
  'half a status line': [wire('HTTP/1.1 2'), cut],
  'no HTTP at all': [wire('SSH-2.0-OpenSSH_9.6\r\n'), cut],
  'a broken chunk size': [wire(`${HTTP_200}transfer-encoding: chunked\r\n\r\nZZ\r\n`), cut],
  'a body shorter than its Content-Length': [wire(`${HTTP_200}content-length: 500\r\n\r\n{"choices":`), cut],
  'an unknown encoding': [
    head(200, { 'content-type': 'application/json', 'content-encoding': 'lzma' }),
    raw('x'),
  ],
  'a body that is not gzip but declared as gzip': [
    head(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }),
    raw('{"choices":[]}'),
  ],
}

const overloaded = { error: { message: 'overloaded', code: 529 }, choices: [] }
/** Further faults of a provider before the first text, when a stream was requested. */
export const STREAM_FAULTS: Readonly<Record<string, Step[]>> = {
  'a stream that ends at once': [sse(done)],
  'a stream with only a role, cut': [sse(role), cut],
  'a stream with only a role, ended cleanly': [sse(role, done)],
  'an error as the first event': [sse(overloaded)],
  'an error after the role': [sse(role, overloaded)],
  'an error in an older shape': [sse({ object: 'error', message: 'no', code: 50001 })],
  'a stream of noise': [raw('data: {{{\n\ndata: nothing\n\n')],
}
