import { check, property, type Arbitrary } from 'fast-check'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { anthropicMessages } from '../../src/dialects/anthropic/anthropic.ts'
import { writeRequest } from '../../src/dialects/anthropic/provider/request-out.ts'
import { parseJsonBody } from '../../src/wire/json/json-body.ts'

type Body = Readonly<Record<string, unknown>>

/** A request in the vocabulary and back, for a provider that made all its thoughts. */
function roundTrip(request: Body): Body {
  const body = parseJsonBody(new TextEncoder().encode(JSON.stringify(request)))
  const chat = anthropicMessages.readRequest({ body, url: '/v1/messages', headers: {} })
  return writeRequest(chat.value, {
    modelId: String(request['model']),
    stream: request['stream'] === true,
    maxOutputTokens: undefined,
    reasons: true,
    takesLateSystem: true,
    open: (sealed) => sealed,
  }).request
}

const text = fc.string({ minLength: 1, maxLength: 8 })
const name = fc.stringMatching(/^[a-z]{1,8}$/)
const mark = fc.option(fc.constantFrom({ type: 'ephemeral' }, { type: 'ephemeral', ttl: '1h' }), {
  nil: undefined,
})
const marked = <T extends object>(block: Arbitrary<T>): Arbitrary<object> =>
  fc
    .tuple(block, mark)
    .map(([one, cache_control]) => (cache_control === undefined ? one : { ...one, cache_control }))

const textBlock = marked(fc.record({ type: fc.constant('text'), text }))
const image = marked(
  fc.record({
    type: fc.constant('image'),
    source: fc.constantFrom<object>(
      { type: 'base64', media_type: 'image/png', data: 'iVBORw0=' },
      { type: 'url', url: 'https://example.com/a.png' },
      { type: 'file', file_id: 'file_1' },
    ),
  }),
)
const document = marked(
  fc.record(
    {
      type: fc.constant('document'),
      source: fc.constantFrom<object>(
        { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' },
        { type: 'text', media_type: 'text/plain', data: 'words' },
        { type: 'url', url: 'https://example.com/a.pdf' },
        { type: 'content', content: [{ type: 'text', text: 'words' }] },
      ),
      title: text,
      context: text,
      citations: fc.record({ enabled: fc.boolean() }),
    },
    { requiredKeys: ['type', 'source'] },
  ),
)
const result = marked(
  fc.record(
    {
      type: fc.constant('tool_result'),
      tool_use_id: name,
      content: fc.oneof(text, fc.array(fc.oneof(textBlock, image), { minLength: 1, maxLength: 2 })),
      is_error: fc.boolean(),
    },
    { requiredKeys: ['type', 'tool_use_id', 'content'] },
  ),
)
const userContent = fc.oneof(
  text,
  fc
    .tuple(
      fc.array(result, { maxLength: 2 }),
      fc.array(fc.oneof(textBlock, image, document), { maxLength: 3 }),
    )
    .map(([results, others]) => [...results, ...others])
    .filter((blocks) => blocks.length > 0),
)
const thought = fc.oneof(
  fc.record({ type: fc.constant('thinking'), thinking: text, signature: name }),
  fc.record({ type: fc.constant('redacted_thinking'), data: name }),
)
const call = marked(
  fc.record({
    type: fc.constant('tool_use'),
    id: name,
    name,
    input: fc.dictionary(name, fc.oneof(text, fc.integer())),
  }),
)
const serverBlock = fc.record({
  type: fc.constant('server_tool_use'),
  id: name,
  name,
  input: fc.constant({}),
})
const assistantContent = fc.oneof(
  text,
  fc.array(fc.oneof(textBlock, thought, call, serverBlock), { minLength: 1, maxLength: 5 }),
)
const turn = fc.oneof(
  fc.record({ role: fc.constant('user'), content: userContent }),
  fc.record({ role: fc.constant('assistant'), content: assistantContent }),
  fc.record({
    role: fc.constant('system'),
    content: fc.oneof(text, fc.array(textBlock, { minLength: 1, maxLength: 2 })),
  }),
)
const tool = marked(
  fc.record(
    {
      name,
      description: text,
      input_schema: fc.constant({ type: 'object', properties: {} }),
      strict: fc.boolean(),
      defer_loading: fc.boolean(),
      type: fc.constant('custom'),
    },
    { requiredKeys: ['name', 'input_schema'] },
  ),
)
const request: Arbitrary<Body> = fc.record(
  {
    model: name,
    max_tokens: fc.integer({ min: 1, max: 1000 }),
    messages: fc.array(turn, { minLength: 1, maxLength: 4 }),
    stream: fc.constant(true),
    system: fc.oneof(text, fc.array(textBlock, { minLength: 1, maxLength: 3 })),
    temperature: fc.constantFrom(0, 0.5, 1),
    top_p: fc.constantFrom(0.1, 0.9),
    top_k: fc.integer({ min: 1, max: 40 }),
    stop_sequences: fc.array(text, { minLength: 1, maxLength: 2 }),
    metadata: fc.record({ user_id: text }),
    tools: fc.array(fc.oneof(tool, fc.constant({ type: 'bash_20250124', name: 'bash' })), {
      minLength: 1,
      maxLength: 3,
    }),
    thinking: fc.constantFrom<object>(
      { type: 'adaptive', display: 'omitted' },
      { type: 'enabled', budget_tokens: 1024 },
    ),
    output_config: fc.constantFrom<object>(
      { effort: 'high' },
      { effort: 'xhigh', format: { type: 'json_schema', schema: { type: 'object' } } },
    ),
    context_management: fc.constant({ edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] }),
    cache_control: fc.constant({ type: 'ephemeral' }),
    diagnostics: fc.constant({ previous_message_id: 'msg_1' }),
  },
  { requiredKeys: ['model', 'max_tokens', 'messages'] },
)

test('a request of the Messages API is the same after it was a chat', () => {
  const outcome = check(
    property(request, (given) => {
      expect(roundTrip(given)).toEqual(given)
    }),
    { numRuns: 400 },
  )
  expect({ found: outcome.counterexample, why: String(outcome.errorInstance) }).toMatchObject({ found: null })
})

test.each([
  [{ type: 'auto', disable_parallel_tool_use: true }],
  [{ type: 'any', disable_parallel_tool_use: false }],
  [{ type: 'tool', name: 'bash' }],
  [{ type: 'none' }],
])('tool_choice %j is the same after it was a chat', (tool_choice) => {
  const tools = [{ type: 'bash_20250124', name: 'bash' }]
  const given = { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'hi' }], tools, tool_choice }
  expect(roundTrip(given)).toEqual(given)
})
