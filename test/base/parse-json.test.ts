import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_JSON_DEPTH, MAX_JSON_PARTS, parseJson } from '../../src/base/parse-json.ts'

const outcome = (read: () => unknown): unknown => {
  try {
    return read()
  } catch (error) {
    return String(error)
  }
}

test('JSON is parsed up to the maximum of levels, and refused with one more', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"":1,"b":', '}]'],
  ] as const) {
    const levels = open.startsWith('[{') ? MAX_JSON_DEPTH / 2 : MAX_JSON_DEPTH
    const nested = (depth: number): string => `${open.repeat(depth)}1${close.repeat(depth)}`
    expect(outcome(() => parseJson(nested(levels)))).toBeTypeOf('object')
    expect(() => parseJson(nested(levels + 1))).toThrow(/more than 2048 levels/)
  }
})

test('JSON is parsed up to the maximum of lists, objects and strings; numbers don’t count', () => {
  for (const part of ['{}', '[]', '""']) {
    const list = (count: number): string => `[${`${part},`.repeat(count - 2)}${part}]`
    expect(parseJson(list(MAX_JSON_PARTS))).toHaveLength(MAX_JSON_PARTS - 1)
    expect(() => parseJson(list(MAX_JSON_PARTS + 1))).toThrow(/more than 1000000 strings/)
  }
  expect(parseJson(`[${'1,'.repeat(2 * MAX_JSON_PARTS)}1]`)).toHaveLength(2 * MAX_JSON_PARTS + 1)
})

test('brackets in strings are not counted as levels', () => {
  const text = '[{'.repeat(MAX_JSON_DEPTH)
  expect(parseJson(JSON.stringify([text, `\\"${text}`]))).toEqual([text, `\\"${text}`])
})

test('JSON within the bounds is parsed as by the engine, valid or not, with a reviver or without', () => {
  const padding = ' '.repeat(MAX_JSON_DEPTH)
  const edit = fc.record({ at: fc.nat(), with: fc.constantFrom('', '"', ']', '{', ',', '\\') })
  fc.assert(
    fc.property(fc.json(), fc.option(edit), (json, broken) => {
      const at = (broken?.at ?? 0) % json.length
      const text = (broken === null ? json : json.slice(0, at) + broken.with + json.slice(at + 1)) + padding
      const named = (_key: string, value: unknown): unknown => (value === null ? 'nothing' : value)
      expect(outcome(() => parseJson(text))).toEqual(outcome(() => JSON.parse(text)))
      expect(outcome(() => parseJson(text, named))).toEqual(outcome(() => JSON.parse(text, named)))
    }),
  )
})
