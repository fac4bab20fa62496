import fc from 'fast-check'
import { expect, test } from 'vitest'
import { money } from '../../../../src/base/money.ts'
import { chatFormatter } from '../../../../src/inference/response/formats/chat-response.ts'
import { plainTextResponse } from '../../../../src/inference/response/formats/plain-text-response.ts'
import { OPENROUTER_RESPONSES } from '../../../../src/inference/response/response-shape.ts'
import type { ChatChunk } from '../../../../src/wire/openai/chat.ts'

const info = {
  id: 'gen-1-x',
  created: 7,
  provider: 'Acme “the best”',
  model: 'acme/one',
  isCombined: false,
  shape: OPENROUTER_RESPONSES,
  costParts: () => ({ whole: money(3n), prompt: money(1n), completion: money(2n) }),
  cost: () => money(3n),
  metadata: () => undefined,
  usage: () => ({
    prompt: 5,
    completion: 3,
    cachedPrompt: 1,
    cacheWrite: 0,
    reasoning: 2,
    audioPrompt: 0,
    audioCompletion: 0,
  }),
  envelope: () => ({ provider: 'Acme', tried: ['a'] }),
  envelopeText: () => '{"provider":"Acme","tried":["a"]}',
}

const responseOf = (content: unknown, extra: object = {}): object => ({
  id: 'theirs',
  object: 'chat.completion',
  created: 7,
  model: 'one-2024',
  choices: [{ index: 0, message: { role: 'assistant', content, refusal: null }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
  ...extra,
})

const formatFast = (json: string) => plainTextResponse(json, JSON.parse(json) as ChatChunk, info)

/** An additional field forces the slow path. */
function formatSlow(response: object): unknown {
  const novel = { ...response, novel: true } as ChatChunk
  const { novel: _, ...formatted } = JSON.parse(
    chatFormatter({ hidesReasoning: false })(info).formatResponse(JSON.stringify(novel), novel),
  ) as Record<string, unknown>
  return formatted
}

const counts = fc.dictionary(
  fc.constantFrom('cached_tokens', 'audio_tokens', 'image_tokens', 'accepted_prediction_tokens', 'novel'),
  fc.option(fc.nat()),
)
const extras = fc.record(
  {
    created: fc.option(fc.nat()),
    system_fingerprint: fc.option(fc.string()),
    service_tier: fc.option(fc.string()),
    usage: fc.record(
      {
        prompt_tokens: fc.nat(),
        cost: fc.double({ noNaN: true }),
        prompt_tokens_details: fc.option(counts),
        completion_tokens_details: fc.option(counts),
        novel: fc.option(fc.string()),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
)

test('the fast path formats a text response exactly as the slow path does, for any text and usage', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      extras,
      fc.constantFrom(undefined, 1),
      (text, extra, indent) => {
        const response = responseOf(text, extra)
        const json = JSON.stringify(response, undefined, indent)
        const same = JSON.parse(json) as object
        expect(JSON.parse(formatFast(json) ?? '')).toEqual(formatSlow(same))
      },
    ),
  )
})

test('the text keeps the escapes that the provider wrote', () => {
  const json = JSON.stringify(responseOf('@')).replace('"@"', '"caf\\u00e9\\/\\u00E9"')
  expect(formatFast(json)).toContain('"content":"caf\\u00e9\\/\\u00E9"')
})

test.each([
  [
    'in an addition of the provider',
    { service_tier: 'x","content":"another', system_fingerprint: 'content' },
  ],
  ['in the text', {}],
])('the text is not mistaken for another “content” %s', (_, extra) => {
  const text = 'say "content":"nothing" or \\"content\\":\\"much\\"'
  const formatted = JSON.parse(formatFast(JSON.stringify(responseOf(text, extra))) ?? '') as ChatChunk
  expect(formatted.choices?.[0]?.message?.content).toBe(text)
})

test('when two members are named “content”, the text is serialized again', () => {
  const json = JSON.stringify(responseOf('ours', { service_tier: { content: 'theirs' } }))
  const formatted = JSON.parse(formatFast(json) ?? '') as ChatChunk
  expect(formatted.choices?.[0]?.message?.content).toBe('ours')
})

test.each([
  ['nothing said', responseOf(null)],
  ['parts', responseOf([{ type: 'text', text: 'x' }])],
  [
    'two choices',
    responseOf('x', { choices: [{ message: { content: 'x' } }, { message: { content: 'y' } }] }),
  ],
  ['another index', responseOf('x', { choices: [{ index: 1, message: { content: 'x' } }] })],
  ['a call', responseOf('x', { choices: [{ message: { content: 'x', tool_calls: [{}] } }] })],
  ['thoughts', responseOf('x', { choices: [{ message: { content: 'x', reasoning: 'hm' } }] })],
  ['links', responseOf('x', { choices: [{ message: { content: 'x', annotations: [{}] } }] })],
  ['log probabilities', responseOf('x', { choices: [{ message: { content: 'x' }, logprobs: {} }] })],
  ['a field of its own', responseOf('x', { novel: 1 })],
])('a response with %s does not take the fast path', (_, response) => {
  expect(formatFast(JSON.stringify(response))).toBeUndefined()
})

test.each(['constructor', '__proto__', 'toString'])(
  'a finish reason “%s” is reported as “stop”',
  (reason) => {
    const { choices } = JSON.parse(JSON.stringify(responseOf('hi'))) as { choices: object[] }
    const response = responseOf('hi', { choices: [{ ...choices[0], finish_reason: reason }] })
    const formatted = JSON.parse(formatFast(JSON.stringify(response)) ?? '') as ChatChunk
    expect(formatted.choices?.[0]).toMatchObject({ finish_reason: 'stop', native_finish_reason: reason })
    expect(formatSlow(response)).toEqual(formatted)
  },
)
