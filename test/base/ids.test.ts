import fc from 'fast-check'
import { expect, test } from 'vitest'
import { generationId } from '../../src/base/ids.ts'

const moment = fc.nat({ max: 4_000_000_000_000 }).map((ms) => ms + 1_600_000_000_000)

test('a generation id has OpenRouter’s form', () => {
  fc.assert(
    fc.property(moment, (ms) => {
      expect(generationId(ms)).toMatch(new RegExp(`^gen-${Math.floor(ms / 1000)}-[0-9A-Za-z]{20}$`))
    }),
  )
})

test('generation ids sort by the millisecond of their creation', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 998 }), fc.integer({ min: 1, max: 10 }), (ms, later) => {
      const start = 1_795_000_000_000
      expect(generationId(start + ms) < generationId(start + Math.min(999, ms + later))).toBe(true)
    }),
  )
})

test('generation ids of the same millisecond differ', () => {
  expect(new Set(Array.from({ length: 1000 }, () => generationId(7))).size).toBe(1000)
})
