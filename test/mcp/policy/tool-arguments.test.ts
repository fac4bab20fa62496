import { describe, expect, test } from 'vitest'
import { toolArguments } from '../../../src/mcp/policy/tool-arguments.ts'

describe('the arguments of a tool call', () => {
  test.each([
    ['nothing', undefined, {}],
    ['null', null, {}],
    ['an empty text', '  ', {}],
    ['the text null', 'null', {}],
    ['an object', { a: 1 }, { a: 1 }],
    ['JSON', '{"a":1}', { a: 1 }],
    ['JSON in a string in JSON', '"{\\"a\\":1}"', { a: 1 }],
    ['JSON in a fence', '```json\n{"a":1}\n```', { a: 1 }],
    ['JSON in a fence without a language, on one line', '```{"a":1}```', { a: 1 }],
    ['an empty string in JSON', '""', {}],
  ])('written as %s are the object that they mean', (_form, written, meant) => {
    expect(toolArguments(written)).toEqual(meant)
  })

  test.each(['[1]', '1', 'true', '{', 'hello', '"\\"\\\\\\"{}\\\\\\"\\""', '"[1]"'])(
    'are refused as %s',
    (written) => {
      expect(() => toolArguments(written)).toThrow('no JSON object')
    },
  )

  test.each([[[1]], [1], [true]])('are refused as the value %j', (value) => {
    expect(() => toolArguments(value)).toThrow('no JSON object')
  })
})
