import { expect, test } from 'vitest'
import { readContextLabel } from '../../src/auth/context-label.ts'

test.each(['0', '42', 'geomind', 'a.b_c:d-e', 'x'.repeat(64)])('“%s” is a valid context label', (label) => {
  expect(readContextLabel(label)).toBe(label)
})

test.each(['', ' ', '1, 2', 'x'.repeat(65), 'ü', 'a/b', '1\n'])(
  '“%s” is refused as a context label',
  (label) => {
    expect(() => readContextLabel(label)).toThrow(expect.objectContaining({ code: 'bad-context' }))
  },
)
