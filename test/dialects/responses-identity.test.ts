import { check, property, type Arbitrary } from 'fast-check'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { writeRequest } from '../../src/dialects/responses/provider/request-out.ts'
import { openAiResponses } from '../../src/dialects/responses/responses.ts'
import { parseJsonBody } from '../../src/wire/json/json-body.ts'

type Body = Readonly<Record<string, unknown>>

/** A request in the vocabulary and back, for a provider that made all its thoughts. */
function roundTrip(request: Body): Body {
  const body = parseJsonBody(new TextEncoder().encode(JSON.stringify(request)))
  const chat = openAiResponses.readRequest({ body, url: '/v1/responses', headers: {} })
  return writeRequest(chat.value, {
    modelId: String(request['model']),
    stream: request['stream'] === true,
    reasons: undefined,
    open: (sealed) => sealed,
  }).request
}

const text = fc.string({ minLength: 1, maxLength: 8 })
const name = fc.stringMatching(/^[a-z]{1,8}$/)
const id = name.map((letters) => `it_${letters}`)
const some = <T extends Record<string, Arbitrary<unknown>>>(fields: T, required: (keyof T & string)[]) =>
  fc.record(fields, { requiredKeys: required })

const inputText = some(
  {
    type: fc.constant('input_text'),
    text,
    prompt_cache_breakpoint: fc.constant({ mode: 'explicit' }),
  },
  ['type', 'text'],
)
const image = fc.constantFrom<object>(
  { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0=', detail: 'low' },
  { type: 'input_image', image_url: 'https://example.com/a.png' },
  { type: 'input_image', file_id: 'file_1', detail: 'auto' },
)
const file = fc.constantFrom<object>(
  { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
  { type: 'input_file', file_url: 'https://example.com/a.pdf' },
  { type: 'input_file', file_id: 'file_1' },
)
const inputParts = fc.array(fc.oneof(inputText, image, file), { minLength: 1, maxLength: 3 })
const message = some(
  {
    type: fc.constant('message'),
    role: fc.constantFrom('user', 'system', 'developer'),
    content: fc.oneof(text, inputParts),
    id,
    status: fc.constant('completed'),
  },
  ['role', 'content'],
)
const outputPart = fc.oneof(
  some(
    {
      type: fc.constant('output_text'),
      text,
      annotations: fc.constant([]),
      logprobs: fc.constant([]),
    },
    ['type', 'text'],
  ),
  fc.record({ type: fc.constant('refusal'), refusal: text }),
)
const answer = fc.oneof(
  some(
    {
      type: fc.constant('message'),
      role: fc.constant('assistant'),
      content: fc.array(outputPart, { minLength: 1, maxLength: 3 }),
      id,
      status: fc.constantFrom('completed', 'incomplete'),
      phase: fc.constantFrom('commentary', 'final_answer'),
    },
    ['type', 'role', 'content'],
  ),
  fc.record({ role: fc.constant('assistant'), content: text }),
)
const reasoning = some(
  {
    type: fc.constant('reasoning'),
    id,
    summary: fc.array(fc.record({ type: fc.constant('summary_text'), text }), { maxLength: 2 }),
    content: fc.constantFrom(null, [{ type: 'reasoning_text', text: 'hm' }]),
    encrypted_content: name,
  },
  ['type', 'summary', 'encrypted_content'],
)
const own = fc.constantFrom<object>(
  { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'q' } },
  { type: 'additional_tools', role: 'developer', tools: [{ type: 'custom', name: 'exec' }] },
  { type: 'configuration_update', reasoning: { effort: 'low' } },
  { type: 'compaction', encrypted_content: 'blob' },
)
/** A call with its output. */
const called = fc
  .tuple(
    fc.uuid(),
    some({ id, name, namespace: name, status: fc.constant('completed') }, ['name']),
    fc.constantFrom(
      ['function_call', 'arguments', '{"a":1}'] as const,
      ['custom_tool_call', 'input', '*** Begin'] as const,
    ),
    fc.oneof(text, fc.array(fc.oneof(inputText, image), { minLength: 1, maxLength: 2 })),
  )
  .map(([call_id, fields, [type, field, value], output]) => [
    { type, call_id, ...fields, [field]: value },
    { type: `${type}_output`, call_id, output },
  ])
const items = fc
  .array(fc.oneof(...[message, answer, reasoning, own].map((item) => item.map((one) => [one])), called), {
    minLength: 1,
    maxLength: 6,
  })
  .map((groups) => groups.flat())

const parameters = { type: 'object', properties: {} }
const functionTool = some(
  {
    type: fc.constant('function'),
    name,
    description: text,
    parameters: fc.constant(parameters),
    strict: fc.boolean(),
    defer_loading: fc.boolean(),
    output_schema: fc.constant(parameters),
  },
  ['type', 'name', 'parameters'],
)
const customTool = some(
  {
    type: fc.constant('custom'),
    name,
    description: text,
    format: fc.constant({ type: 'grammar', syntax: 'lark', definition: 'start: /.+/' }),
  },
  ['type', 'name'],
)
const namespace = fc.record({
  type: fc.constant('namespace'),
  name,
  description: text,
  tools: fc.array(fc.oneof(functionTool, customTool), { minLength: 1, maxLength: 2 }),
})
const request: Arbitrary<Body> = some(
  {
    model: name,
    input: fc.oneof(text, items),
    instructions: text,
    stream: fc.constant(true),
    store: fc.constant(false),
    max_output_tokens: fc.integer({ min: 16, max: 1000 }),
    temperature: fc.constantFrom(0, 0.5, 1),
    top_p: fc.constantFrom(0.1, 0.9),
    parallel_tool_calls: fc.boolean(),
    tools: fc.array(fc.oneof(functionTool, customTool, namespace), { minLength: 1, maxLength: 3 }),
    reasoning: fc.constantFrom<object>({ effort: 'high', summary: 'auto' }, { summary: 'concise' }),
    text: fc.constantFrom<object>(
      { verbosity: 'low' },
      { format: { type: 'json_schema', name: 'place', schema: parameters, strict: true } },
      { format: { type: 'json_object' } },
    ),
    include: fc.constant(['reasoning.encrypted_content']),
    metadata: fc.constant({ a: 'b' }),
    user: name,
    safety_identifier: name,
    prompt_cache_key: name,
    truncation: fc.constantFrom('auto', 'disabled'),
    client_metadata: fc.constant({ session: 'x' }),
    context_management: fc.constant([{ type: 'compaction', compact_threshold: 1000 }]),
  },
  ['model', 'input', 'store'],
)

test('a request of the Responses API is the same after it was a chat', () => {
  const outcome = check(
    property(request, (given) => {
      expect(roundTrip(given)).toEqual(given)
    }),
    { numRuns: 400 },
  )
  expect({ found: outcome.counterexample, why: String(outcome.errorInstance) }).toMatchObject({ found: null })
})

test.each([
  ['none'],
  ['required'],
  [{ type: 'function', name: 'look' }],
  [{ type: 'custom', name: 'exec' }],
  [{ type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'look' }] }],
])('tool_choice %j is the same after it was a chat', (tool_choice) => {
  const tools = [
    { type: 'function', name: 'look', parameters, strict: true },
    { type: 'custom', name: 'exec' },
  ]
  const given = { model: 'm', input: 'hi', tools, tool_choice, store: false }
  expect(roundTrip(given)).toEqual(given)
})
