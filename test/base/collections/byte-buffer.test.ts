import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteBuffer } from '../../../src/base/collections/byte-buffer.ts'

test('a buffer returns its pieces as one, repeatedly, although their memory is reused', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 20 }))
  fc.assert(
    fc.property(fc.array(pieces), (rounds) => {
      const bytes = new ByteBuffer()
      for (const round of rounds) {
        for (const piece of round) {
          const lent = piece.slice()
          bytes.add(lent)
          lent.fill(0)
        }
        expect(bytes.length).toBe(round.reduce((sum, { length }) => sum + length, 0))
        expect([...bytes.take()]).toEqual(round.flatMap((piece) => [...piece]))
        expect(bytes.length).toBe(0)
      }
    }),
  )
})

test('millions of single bytes take one piece of memory of at most twice their size', () => {
  const bytes = new ByteBuffer()
  const one = Uint8Array.of(7)
  for (let count = 0; count < 3_000_000; count++) bytes.add(one)
  const all = bytes.take()
  expect(all).toHaveLength(3_000_000)
  expect(all.buffer.byteLength).toBeLessThanOrEqual(6_000_000)
})
