import { describe, expect, test } from 'vitest'
import { withSingleTypes } from '../../../src/dialects/chat/single-types.ts'
import { changeTools } from '../../../src/providers/protocols/openai-chat/request-schemas.ts'
import { GEMINI_RULES } from '../../../src/providers/request-rules/model-makers.ts'

const LISTS = {
  type: 'object',
  properties: {
    a: { type: ['string', 'null'], description: 'a name' },
    type: { type: 'array', items: { type: ['string', 'integer'] } },
    list: { type: ['array', 'null'], items: { type: 'string' } },
    one: { type: ['string'] },
    both: { type: ['string', 'null'], anyOf: [{ minLength: 1 }] },
  },
  required: ['a'],
}
const SINGLE = {
  type: 'object',
  properties: {
    a: { description: 'a name', anyOf: [{ type: 'string' }, { type: 'null' }] },
    type: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'integer' }] } },
    list: { anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'null' }] },
    one: { type: 'string' },
    both: { anyOf: [{ minLength: 1 }] },
  },
  required: ['a'],
}
const TOOL = { type: 'function', function: { name: 'look', parameters: LISTS } }

describe('a list of types in the schema of a tool', () => {
  test('becomes anyOf, at every depth', () => {
    expect(withSingleTypes(LISTS)).toEqual(SINGLE)
  })

  test('stays in data, such as a default', () => {
    const schema = { type: 'object', default: { type: ['string', 'null'] } }
    expect(withSingleTypes(schema)).toEqual(schema)
  })

  test('becomes anyOf for Gemini behind an API of OpenAI’s form, as its rules state', () => {
    const tools = changeTools([TOOL], GEMINI_RULES.schemas ?? {}, new Set())
    expect(tools).toEqual([{ type: 'function', function: { name: 'look', parameters: SINGLE } }])
  })

  test('is left as it is for others', () => {
    const tools = [TOOL]
    expect(changeTools(tools, {}, new Set())).toBe(tools)
  })
})
