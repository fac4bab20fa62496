import { expect, test } from 'vitest'
import { BoundedMap } from '../../../src/base/collections/bounded-map.ts'

test('a bounded map drops the entry that was written least recently', () => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.set('a', 3)
  map.set('c', 4)
  expect([...map.entries()]).toEqual([
    ['a', 3],
    ['c', 4],
  ])
})

test('a bounded map creates an entry once', () => {
  const map = new BoundedMap<string, object>(2)
  const first = map.getOrCreate('a', () => ({}))
  expect(map.getOrCreate('a', () => ({}))).toBe(first)
  expect(map.size).toBe(1)
})
