import fc from 'fast-check'
import { expect, test } from 'vitest'
import { explainJsonError } from '../../../src/wire/json/json-error.ts'

test.each([
  ['{"a" 1}', 'line 1, column 6: expected :'],
  ['{"a":1,}', 'line 1, column 8: a name is expected'],
  ['{"a":[1 2]}', 'line 1, column 9: expected , or the end'],
  ['{"a":tru}', 'line 1, column 6: a value is expected'],
  ['{"a":01}', 'line 1, column 6: a value is expected'],
  ["{'a':1}", 'line 1, column 2: expected name or }'],
  ['{"a":"x\n"}', 'line 1, column 6: a value is expected'],
  ['{"a":[}', 'line 1, column 7: expected value or ]'],
  ['{"a":1', 'line 1, column 7: it ends too early, expected , or the end'],
  ['{} x', 'line 1, column 4: there is something after the end of the object'],
])('the error of %j is at %s', (text, fault) => {
  expect(explainJsonError(text)).toBe(fault)
})

test('the error of a truncated text is at its end, or at the start of its last literal', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 3 }), fc.nat(), (json, place) => {
      const text = `{"x":${json}}`
      const cut = text.slice(0, place % text.length)
      expect(explainJsonError(cut)).toMatch(/^line 1, column \d+: /)
    }),
  )
})

test.each([
  ['never closed', 'x'.repeat(5_000_000), 'a value is expected'],
  ['with a line break in it', `${'x'.repeat(5_000_000)}\n"`, 'a value is expected'],
  ['with escapes that mean nothing', `${'\\\\'.repeat(2_000_000)}\\d"`, 'a value is expected'],
])('a string of five million letters %s is told at once', (_name, letters, fault) => {
  expect(explainJsonError(`{"a":"${letters}`)).toBe(`line 1, column 6: ${fault}`)
})

test('an error in deeply nested JSON is explained without stack overflow', () => {
  expect(explainJsonError('['.repeat(200_000))).toMatch(/column 200001: it ends too early/)
})
