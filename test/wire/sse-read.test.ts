import { array, assert, asyncProperty, constantFrom, nat, record, string } from 'fast-check'
import { describe, expect, test } from 'vitest'

import { readSse } from '../../src/wire/sse-read.ts'
import type { SseEvent } from '../../src/wire/sse-read.ts'

describe('reading an event stream', () => {
  test.each<[string, string, SseEvent[]]>([
    ['one event', 'data: hi\n\n', [{ type: undefined, data: 'hi' }]],
    ['no blank after the colon', 'data:hi\n\n', [{ type: undefined, data: 'hi' }]],
    ['only the first blank is dropped', 'data:  hi\n\n', [{ type: undefined, data: ' hi' }]],
    ['several data lines are one text', 'data: a\ndata\ndata: b\n\n', [{ type: undefined, data: 'a\n\nb' }]],
    ['a named event', 'event: error\ndata: {}\n\n', [{ type: 'error', data: '{}' }]],
    [
      'comments and unknown fields',
      ': OPENROUTER PROCESSING\n\nid: 7\ndata: x\n\n',
      [{ type: undefined, data: 'x' }],
    ],
    [
      'CRLF and CR',
      'data: a\r\n\r\ndata: b\r\r',
      [
        { type: undefined, data: 'a' },
        { type: undefined, data: 'b' },
      ],
    ],
    ['a byte order mark', '\uFEFFdata: a\n\n', [{ type: undefined, data: 'a' }]],
    ['an event without its end is no event', 'data: a\n\ndata: b\n', [{ type: undefined, data: 'a' }]],
    ['nothing', '', []],
  ])('%s', async (_, text, events) => {
    expect(await read([new TextEncoder().encode(text)])).toEqual(events)
  })

  test('gives the same events wherever the bytes are cut', async () => {
    const lineEnd = constantFrom('\n', '\r', '\r\n')
    const event = record({ data: string({ unit: 'grapheme' }), end: lineEnd })
    await assert(
      asyncProperty(array(event), array(nat(400)), async (events, cuts) => {
        const text = events
          .map(({ data, end }) => `data: ${data.replaceAll(/[\r\n]/g, '')}${end}${end}`)
          .join('')
        const bytes = new TextEncoder().encode(text)
        expect(await read(cutAt(bytes, cuts))).toEqual(await read([bytes]))
        expect(await read([bytes])).toHaveLength(events.length)
      }),
    )
  })

  test('a line without end is given up instead of kept for ever', async () => {
    const megabyte = new Uint8Array(1024 * 1024).fill(97)
    await expect(read(Array.from({ length: 20 }, () => megabyte))).rejects.toThrow(RangeError)
  })
})

async function read(pieces: readonly Uint8Array[]): Promise<SseEvent[]> {
  const events: SseEvent[] = []
  for await (const event of readSse(ReadableStream.from(pieces))) events.push(event)
  return events
}

function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const points = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
  return points.slice(1).map((end, at) => bytes.subarray(points[at], end))
}
