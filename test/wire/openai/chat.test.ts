import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseChatRequest } from '../../../src/wire/openai/chat.ts'
import { jsonBodyOf } from '../../../src/wire/json/json-body.ts'

const message = fc.oneof(
  fc.record({ role: fc.constant('user'), content: fc.string() }),
  fc.record({ role: fc.constantFrom<unknown>('user', 1, null) }),
  fc.constantFrom<unknown>(null, [], 'x'),
)
const request = fc.record(
  {
    model: fc.constant('m'),
    messages: fc.oneof(
      { weight: 4, arbitrary: fc.constant([{ role: 'user', content: 'hi' }]) },
      { weight: 1, arbitrary: fc.array(message, { maxLength: 3 }) },
      { weight: 1, arbitrary: fc.constantFrom<unknown>(null, {}, 'x') },
    ),
    stream: fc.constantFrom<unknown>(true, false, null, 1, 'true'),
    max_tokens: fc.constantFrom<unknown>(0, 1, 1.5, -1, null, '1', 1e308),
    max_completion_tokens: fc.constantFrom<unknown>(5, null, -5),
    n: fc.constantFrom<unknown>(1, 2, 0, 129, null, '1'),
    stream_options: fc.constantFrom<unknown>({}, { include_usage: true }, null, [], 'x'),
    reasoning_effort: fc.constantFrom<unknown>('low', '', null, 3),
    include_reasoning: fc.constantFrom<unknown>(true, false, null, 'no'),
  },
  { requiredKeys: ['model'] },
)

function read(text: string): unknown {
  try {
    const { body: _, ...rest } = parseChatRequest(jsonBodyOf(text))
    return rest
  } catch (error) {
    return String(error)
  }
}

test('a plain chat request is read the same with and without the schema', () => {
  fc.assert(
    fc.property(request, (request) => {
      // A rarer field makes the parser use the schema.
      expect(read(JSON.stringify(request))).toEqual(read(JSON.stringify({ ...request, reasoning: null })))
    }),
    { numRuns: 3000 },
  )
})
