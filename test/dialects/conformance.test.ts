import { expect, test } from 'vitest'
import { hasTest } from '../support/named-tests.ts'
import { CONFORMANCE } from './conformance.ts'

test('every test that the page of conformance names exists', () => {
  const named = CONFORMANCE.flatMap(({ file, tests }) => Object.values(tests).map((test) => ({ file, test })))
  expect(named.filter((one) => !hasTest(one))).toEqual([])
})
