import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { repairJson } from '../../../src/inference/response/repair-json.ts'

describe('malformed JSON of a model is repaired', () => {
  test.each([
    ['a fence', '```json\n{"a": 1}\n```', { a: 1 }],
    ['prose around it', 'Sure! Here [as asked]: {"a": 1}. Anything else?', { a: 1 }],
    ['a trailing comma', '{"a": [1, 2,], }', { a: [1, 2] }],
    ['a missing comma', '{"a": 1\n"b": 2}', { a: 1, b: 2 }],
    ['names without quotes', '{a: 1, $b-c: {_d: 2}}', { a: 1, '$b-c': { _d: 2 } }],
    ['single quotes', "{'it': 'isn\\'t \"so\"'}", { it: 'isn\'t "so"' }],
    ['line breaks and tabs in a string', '{"a": "one\n\ttwo"}', { a: 'one\n\ttwo' }],
    ['a backslash without a meaning', '{"a": "C:\\Program \\d"}', { a: 'C:\\Program \\d' }],
    ['Python’s literals', '{"a": True, "b": None, "c": False}', { a: true, b: null, c: false }],
    ['comments', '{"a": 1, // one\n /* and */ "b": 2}', { a: 1, b: 2 }],
    ['a text that ends in a comment', '{"a": 1, // one', { a: 1 }],
    ['a text that ends in a block comment', '{"a": 1, /* one *', { a: 1 }],
    ['numbers without a zero, with a plus', '[.5, -.5, +1, 1.]', [0.5, -0.5, 1, 1]],
    ['a missing bracket', '{"a": [1, {"b": 2}', { a: [1, { b: 2 }] }],
    ['a missing bracket inside', '{"a": [1, 2}', { a: [1, 2] }],
    ['a text that ends in a string', '{"a": "one", "b": "tw', { a: 'one', b: 'tw' }],
    ['a text that ends in an escape', '{"a": "one\\u00', { a: 'one' }],
    ['a text that ends in a name', '{"a": 1, "b', { a: 1 }],
    ['a text that ends before a value', '{"a": 1, "b":', { a: 1 }],
    ['a text that ends in a literal', '{"a": tr', { a: true }],
    ['a text that ends in a number', '{"a": 1.', { a: 1 }],
    ['a text that ends after a sign', '{"a": [1, -', { a: [1] }],
  ])('%s', (_name, broken, expected) => {
    expect(JSON.parse(repairJson(broken) ?? 'null')).toEqual(expected)
  })

  test('and numbers keep digits that a double cannot hold', () => {
    expect(repairJson('{a: 12345678901234567890.10,}')).toBe('{"a":12345678901234567890.10}')
  })
})

test('a number among a million dots is read without backtracking', () => {
  expect(repairJson(`{a: ${'.'.repeat(1_000_000)}1}`)).toBeUndefined()
  expect(repairJson(`{a: 1${'.'.repeat(1_000_000)}}`)).toBe('{"a":1}')
})

test.each([
  ['fifty million spaces', ' '.repeat(50_000_000)],
  ['a comment of fifty million characters', `/*${'*'.repeat(50_000_000)}*/`],
])('JSON after %s is read', (_name, between) => {
  expect(repairJson(`{a:${between}1}`)).toBe('{"a":1}')
})

describe('repairing makes nothing up', () => {
  test.each([
    ['valid JSON', '{"a": 1}'],
    ['prose', 'I can’t do that.'],
    ['an unknown literal', '{"a": maybe}'],
    ['brackets without end', '['.repeat(100_000)],
    ['an empty text', ''],
  ])('%s is not repaired', (_name, text) => {
    expect(repairJson(text)).toBeUndefined()
  })
})

test('JSON that is cut anywhere becomes valid JSON that agrees with what was there', () => {
  const record = fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
  fc.assert(
    fc.property(record, fc.nat(), (made, cut) => {
      const whole = JSON.stringify(made)
      // The value as JSON can express it: JSON has no −0.
      const value = JSON.parse(whole) as Record<string, unknown>
      const text = whole.slice(0, 1 + (cut % whole.length))
      const repaired = JSON.parse(repairJson(text) ?? text) as Record<string, unknown>
      const names = Object.keys(repaired)
      expect(Object.keys(value).slice(0, names.length)).toEqual(names)
      for (const name of names.slice(0, -1)) expect(repaired[name]).toEqual(value[name])
    }),
  )
})

test('a fence around any JSON and a trailing comma are removed without changing the JSON', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { minLength: 1 }), (value) => {
      const json = JSON.stringify(value)
      const repaired = repairJson(`Here:\n\`\`\`json\n${json.slice(0, -1)},]\n\`\`\``)
      expect(repaired).toBe(json)
    }),
  )
})
