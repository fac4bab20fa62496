import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventSplitter, EventTooLarge, eventsIn } from '../../src/wire/sse.ts'

const encoder = new TextEncoder()

function eventsOf(pieces: readonly Uint8Array[]): string[] {
  const events: string[] = []
  const splitter = new EventSplitter((payload) => events.push(payload))
  for (const piece of pieces) {
    // The splitter must not keep the buffer that it was given: it is wiped after each call.
    const lent = Buffer.from(piece)
    splitter.feed(lent)
    lent.fill(0x2a)
  }
  return events
}

test('the payload of an event is its data lines; other lines are ignored', () => {
  const stream = ': comment\nevent: x\nid: 7\ndata: {"a":1}\n\n\n\ndata:two\ndata: lines\n\ndata\n\n'
  expect(eventsOf([encoder.encode(stream)])).toEqual(['{"a":1}', 'two\nlines'])
})

test('a stream is read event by event as its bytes arrive', async () => {
  const pieces = ['\uFEFFdata: one\r\n\r\nda', 'ta: two\n\ndata: ha', 'lf'].map((text) =>
    encoder.encode(text),
  )
  const payloads: string[] = []
  for await (const payload of eventsIn(ReadableStream.from(pieces))) payloads.push(payload)
  expect(payloads).toEqual(['one', 'two'])
})

test('an unfinished event at the end of a stream is dropped', () => {
  expect(eventsOf([encoder.encode('data: whole\n\ndata: half\n')])).toEqual(['whole'])
})

test('the events of a stream do not depend on where it is cut and on its line ends', () => {
  const payload = fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => JSON.stringify(text))
  const streams = fc.record({
    payloads: fc.array(payload, { maxLength: 8 }),
    end: fc.constantFrom('\n', '\r\n'),
    cuts: fc.array(fc.nat(400)),
  })
  fc.assert(
    fc.property(streams, ({ payloads, end, cuts }) => {
      const bytes = encoder.encode(payloads.map((text) => `: note${end}data: ${text}${end}${end}`).join(''))
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
      const pieces = places.slice(1).map((to, index) => bytes.subarray(places[index], to))
      expect(eventsOf(pieces)).toEqual(payloads)
    }),
  )
})

test('an event above the size limit is refused instead of buffered', () => {
  const splitter = new EventSplitter(() => undefined, 1000)
  const feedAll = (): void => {
    for (let count = 0; count < 100; count++) splitter.feed(encoder.encode('data: 1234567890'.repeat(10)))
  }
  expect(feedAll).toThrow(EventTooLarge)
})

test('lines that end in a lone CR are events when their blank lines arrive whole', () => {
  const payloads: string[] = []
  const splitter = new EventSplitter((payload) => payloads.push(payload))
  splitter.feed(new TextEncoder().encode('data: {"a":1}\r\rdata: {"b":2}\r\r'))
  splitter.feed(new TextEncoder().encode('data: [DONE]\r\r'))
  expect(payloads).toEqual(['{"a":1}', '{"b":2}', '[DONE]'])
})
