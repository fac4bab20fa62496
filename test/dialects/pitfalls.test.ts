import { expect, test } from 'vitest'
import { hasTest } from '../support/named-tests.ts'
import { PITFALLS } from './pitfalls.ts'

test('the pitfalls between dialects are numbered without a hole, and each has a test or a reason', () => {
  expect(PITFALLS.map(({ number }) => number)).toEqual(Array.from({ length: 97 }, (_, at) => at + 1))
})

test('every test that a pitfall names exists', () => {
  const missing = PITFALLS.filter(({ state }) => 'test' in state && !hasTest(state))
  expect(missing).toEqual([])
})

test('a test that does not exist is noticed', () => {
  expect(hasTest({ file: 'dialects/golden.test.ts', test: 'no such name' })).toBe(false)
  expect(hasTest({ file: 'dialects/none.test.ts', test: 'plain' })).toBe(false)
})
