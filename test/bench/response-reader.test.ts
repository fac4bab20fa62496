import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { LoadResponseReader, type LoadResponse } from '../../bench/load/response-reader.ts'
import { check } from '../../bench/load/check.ts'
import {
  contentLength,
  plainResponse,
  streamChunk,
  streamEnd,
  streamHead,
} from '../../bench/upstream/prebuilt.ts'

const plain = plainResponse(1_500)
const stream = Buffer.concat([streamHead, streamChunk, streamChunk, streamChunk, streamEnd])
const wantedPlain = { type: 'plain', contentLength: contentLength(1_500) } as const
const wantedStream = { type: 'stream', chunks: 3 } as const

test('responses are read whole, wherever the connection cuts them', () => {
  const bytes = Buffer.concat([plain, stream, plain])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: bytes.length - 1 })), (cuts) => {
      const { answers: responses, firsts } = read(cutAt(bytes, cuts))
      expect(responses).toHaveLength(3)
      expect(firsts).toBe(3)
      for (const [at, wanted] of [wantedPlain, wantedStream, wantedPlain].entries()) {
        check(responses[at] ?? { status: 0, body: Buffer.of() }, wanted)
      }
    }),
  )
})

test('a response without length or chunks is an error', () => {
  expect(() => read([Buffer.from('HTTP/1.1 200 OK\r\n\r\n{}')])).toThrow('without length or chunks')
})

test.each([
  [
    'another status',
    plain,
    wantedPlain,
    (response: LoadResponse) => ({ ...response, status: 502 }),
    'status 502',
  ],
  ['other content', plain, { ...wantedPlain, contentLength: 7 }, same, 'other content'],
  ['a truncated response', plain, wantedPlain, half, 'incomplete response'],
  ['a missing chunk', stream, { ...wantedStream, chunks: 6 }, same, '6 events instead of more than 6'],
  ['a stream cut short', stream, { ...wantedStream, chunks: 1 }, half, 'without its finish'],
  ['a stream that continues after [DONE]', stream, wantedStream, continues, 'does not end with [DONE]'],
] as const)('%s fails the bench', (_name, bytes, wanted, spoil, message) => {
  const [response] = read([bytes]).answers
  expect(() => check(spoil(response ?? { status: 0, body: Buffer.of() }), wanted)).toThrow(message)
})

function read(pieces: readonly Buffer[]) {
  const responses: LoadResponse[] = []
  let firsts = 0
  const reader = new LoadResponseReader(
    () => firsts++,
    (response) => responses.push(response),
  )
  for (const piece of pieces) reader.feed(piece)
  return { answers: responses, firsts }
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, at) => bytes.subarray(places[at], end))
}

function same(response: LoadResponse): LoadResponse {
  return response
}

function half({ status, body }: LoadResponse): LoadResponse {
  return { status, body: body.subarray(0, body.length / 2) }
}

function continues({ status, body }: LoadResponse): LoadResponse {
  return { status, body: Buffer.concat([body, Buffer.from('data: {}\n\n')]) }
}
