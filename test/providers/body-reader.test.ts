import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { BodyReader } from '../../src/providers/protocols/answer-readers.ts'

function read(pieces: readonly Uint8Array[]): string {
  let heard: string | undefined
  const reader = new BodyReader((body) => (heard = body))
  // As from a socket, whose next bytes come to the same place.
  const lent = new Uint8Array(4096)
  for (const piece of pieces) {
    lent.fill(0x21)
    lent.set(piece)
    reader.data(lent.subarray(0, piece.length))
  }
  lent.fill(0x21)
  reader.end()
  return heard ?? 'nothing'
}

const text = fc
  .string({ unit: 'binary', maxLength: 40 })
  .map((text) => new Uint8Array(Buffer.from(text.toWellFormed())))
const body = fc.oneof(text, fc.uint8Array({ maxLength: 40 }))
const sizes = fc.array(fc.nat({ max: 7 }), { maxLength: 40 })

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let at = 0
  for (const size of sizes) pieces.push(bytes.subarray(at, (at += size)))
  return [...pieces, bytes.subarray(at)]
}

test('a body is the same text however it is cut, malformed or not', () => {
  fc.assert(
    fc.property(body, fc.boolean(), sizes, (bytes, hasMark, sizes) => {
      const whole = hasMark ? Buffer.concat([Buffer.from('\uFEFF'), bytes]) : bytes
      expect(read(cut(whole, sizes))).toBe(new TextDecoder().decode(whole))
    }),
    { numRuns: 2000 },
  )
})

test('the mark of byte order is none of the text, and only at its beginning', () => {
  expect(read([Buffer.from('\uFEFFa'), Buffer.from('b\uFEFFc')])).toBe('ab\uFEFFc')
})
