import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, findNearest } from '../../src/base/nearest-names.ts'
import { methods } from '../../src/wire/rpc/methods.ts'

test.for([
  ['gpt-4o', 'gpt-4o', 0],
  ['', 'abc', 3],
  ['kitten', 'sitting', 3],
  ['models.list', 'model.list', 1],
] as const)('the edit distance from “%s” to “%s” is %i', ([one, other, letters]) => {
  expect(editDistance(one, other)).toBe(letters)
})

const word = fc.string({ maxLength: 12 })

test('the edit distance is symmetric and obeys the triangle inequality', () => {
  fc.assert(
    fc.property(word, word, word, (one, other, third) => {
      expect(editDistance(one, other)).toBe(editDistance(other, one))
      expect(editDistance(one, third)).toBeLessThanOrEqual(
        editDistance(one, other) + editDistance(other, third),
      )
    }),
  )
})

test('endless texts are cut at 200 letters before they are compared', () => {
  expect(editDistance('x'.repeat(1_000_000), 'y'.repeat(1_000_000))).toBe(200)
})

const known = Object.keys(methods)
const nearest = (name: string) => findNearest(known, name, { kind: 'dotted', limit: 3 })

test('a name of many megabytes is compared by its beginning only', () => {
  const endless = 'nobody.'.repeat(5_000_000)
  expect(nearest(`${endless}models.list`)).toEqual(nearest(endless))
  expect(nearest(`models.list.${endless}`)).toContain('models.list')
})
