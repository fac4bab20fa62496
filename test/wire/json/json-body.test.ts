import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BrokerError } from '../../../src/base/errors.ts'
import { parseJsonBody } from '../../../src/wire/json/json-body.ts'
import { spliceFields } from '../../../src/wire/json/splice-fields.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const splice = (json: string, changes: Record<string, string | undefined>): string =>
  spliceFields(parseJsonBody(bytes(json)), new Map(Object.entries(changes)))

describe('splicing fields of a body', () => {
  test('keeps every other byte unchanged', () => {
    const body = '{ "model" : "a",\n "big": 12345678901234567890, "f": 1.0, "messages":[{"a":"}{\\""}] }'
    expect(splice(body, { model: '"b"' })).toBe(body.replace('"a"', '"b"'))
  })

  test('puts a new field in front', () => {
    expect(splice('{"a":1}', { b: '2' })).toBe('{"b":2,"a":1}')
    expect(splice('{}', { b: '2' })).toBe('{"b":2}')
  })

  test('removes a field from any place together with its comma', () => {
    for (const name of ['a', 'b', 'c']) {
      const rest = JSON.parse(splice('{"a":1, "b":[2,{}] , "c":"3"}', { [name]: undefined })) as object
      expect(Object.keys(rest)).toEqual(['a', 'b', 'c'].filter((other) => other !== name))
    }
    expect(JSON.parse(splice('{"a":1}', { a: undefined }))).toEqual({})
    expect(JSON.parse(splice('{"a":1}', { a: undefined, b: '2' }))).toEqual({ b: 2 })
  })

  test('finds a field whose name is written with escapes', () => {
    expect(JSON.parse(splice('{"mod\\u0065l":"a"}', { model: '"b"' }))).toEqual({ model: 'b' })
  })

  test('equals changing the parsed object, for any object and any change', () => {
    const value = fc.jsonValue({ maxDepth: 3 })
    // No quote in a name: V8's JSON.parse (Node 24) at times reads {"model":[],"\\"":{},"":{}} wrongly.
    const plain = fc.string({ maxLength: 4 }).filter((text) => !/["\\]/.test(text))
    const name = fc.oneof(fc.constantFrom('model', 'stream', ''), plain)
    const object = fc
      .dictionary(name, value, { maxKeys: 6 })
      .filter((record) => !Object.hasOwn(record, '__proto__'))
    const spaces = fc.constantFrom(undefined, 1, '\t')
    fc.assert(
      fc.property(
        object,
        fc.array(fc.tuple(name, fc.option(value, { nil: undefined }))),
        spaces,
        (from, changes, space) => {
          const expected: Record<string, unknown> = JSON.parse(JSON.stringify(from)) as Record<
            string,
            unknown
          >
          const edits: Record<string, string | undefined> = {}
          for (const [field, to] of changes.filter(([field]) => field !== '__proto__')) {
            edits[field] = to === undefined ? undefined : JSON.stringify(to)
            if (to === undefined) delete expected[field]
            else expected[field] = JSON.parse(JSON.stringify(to))
          }
          expect(JSON.parse(splice(JSON.stringify(from, undefined, space), edits))).toEqual(expected)
        },
      ),
    )
  })
})

describe('an invalid body is refused with the reason', () => {
  const refusal = (raw: Uint8Array): BrokerError => {
    try {
      parseJsonBody(raw)
    } catch (error) {
      if (error instanceof BrokerError) return error
    }
    throw new Error('it was not refused')
  }

  test.each([
    ['nothing', '', /empty/],
    ['broken JSON, naming the place', '{"model": "a",\n "x": }', /line 2, column 7: a value is expected/],
    ['a list', '[]', /must be a JSON object/],
    [
      'more than a million values in all',
      `{"a":[${'{},'.repeat(600_000)}1],"b":[${'"",'.repeat(600_000)}1]}`,
      /1000000/,
    ],
    ['a field twice, even with escapes', '{"model":"cheap","mod\\u0065l":"dear"}', /“model” stands twice/],
  ])('%s', (_name, body, reason) => {
    const error = refusal(bytes(body))
    expect(error.code).toBe('bad-request')
    expect(error.message).toMatch(reason)
  })

  test('when it has bytes that are not UTF-8', () => {
    expect(refusal(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)).message).toMatch(/UTF-8/)
  })
})
