import { expect, test } from 'vitest'
import { shortName } from '../../src/base/truncate.ts'

test('a name is told whole up to a hundred letters, and so many of a longer one', () => {
  expect(shortName('x'.repeat(100))).toBe('x'.repeat(100))
  expect(shortName('x'.repeat(101))).toBe(`${'x'.repeat(100)}…`)
})
