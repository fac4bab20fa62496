import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TextBuffer } from '../../../src/base/collections/text-buffer.ts'

test('a text buffer returns all pieces in their order', () => {
  const pieces = fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { size: 'large', maxLength: 300 })
  fc.assert(
    fc.property(pieces, (all) => {
      const text = new TextBuffer()
      for (const [at, piece] of all.entries()) {
        text.add(piece)
        expect(text.length).toBe(all.slice(0, at + 1).join('').length)
      }
      expect(String(text)).toBe(all.join(''))
    }),
    { numRuns: 200 },
  )
})
