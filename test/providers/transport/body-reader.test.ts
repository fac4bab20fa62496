import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { BodyReader } from '../../../src/providers/transport/body-reader.ts'
import { cutBytes } from './http1/valid-response.ts'

function read(pieces: readonly Uint8Array[]): string {
  let text: string | undefined
  const reader = new BodyReader((body) => (text = body))
  // Reused, as a socket reuses its buffer for the next bytes.
  const buffer = new Uint8Array(4096)
  for (const piece of pieces) {
    buffer.fill(0x21)
    buffer.set(piece)
    reader.data(buffer.subarray(0, piece.length))
  }
  buffer.fill(0x21)
  reader.end()
  return text ?? 'nothing'
}

const text = fc
  .string({ unit: 'binary', maxLength: 40 })
  .map((text) => new Uint8Array(Buffer.from(text.toWellFormed())))
const body = fc.oneof(text, fc.uint8Array({ maxLength: 40 }))
const sizes = fc.array(fc.nat({ max: 7 }), { maxLength: 40 })

test('a body becomes the same text however it is cut, malformed or not', () => {
  fc.assert(
    fc.property(body, fc.boolean(), sizes, (bytes, hasMark, sizes) => {
      const whole = Buffer.concat([Buffer.from(hasMark ? '\uFEFF' : ''), bytes])
      const pieces = [...cutBytes(whole, [...sizes, whole.length]), Buffer.alloc(0)]
      expect(read(pieces)).toBe(new TextDecoder().decode(whole))
    }),
    { numRuns: 2000 },
  )
})

test('a byte order mark is removed at the beginning of a body only', () => {
  expect(read([Buffer.from('\uFEFFa'), Buffer.from('b\uFEFFc')])).toBe('ab\uFEFFc')
})
