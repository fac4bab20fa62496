import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance } from '../../src/base/edit-distance.ts'

test.for([
  ['gpt-4o', 'gpt-4o', 0],
  ['', 'abc', 3],
  ['kitten', 'sitting', 3],
  ['models.list', 'model.list', 1],
] as const)('from “%s” to “%s” it is %i letters', ([one, other, letters]) => {
  expect(editDistance(one, other)).toBe(letters)
})

const word = fc.string({ maxLength: 12 })

test('it is the same both ways, and no detour is shorter', () => {
  fc.assert(
    fc.property(word, word, word, (one, other, third) => {
      expect(editDistance(one, other)).toBe(editDistance(other, one))
      expect(editDistance(one, third)).toBeLessThanOrEqual(
        editDistance(one, other) + editDistance(other, third),
      )
    }),
  )
})

test('endless texts take no longer than long ones', () => {
  expect(editDistance('x'.repeat(1_000_000), 'y'.repeat(1_000_000))).toBe(200)
})
