import fc from 'fast-check'
import { expect, test } from 'vitest'
import { money } from '../../../src/base/money.ts'
import { chatCompleter } from '../../../src/inference/response/chat-response.ts'
import { textAnswer } from '../../../src/inference/response/plain-text-response.ts'
import type { ChatChunk } from '../../../src/wire/openai/chat.ts'

const facts = {
  id: 'gen-1-x',
  created: 7,
  provider: 'Acme “the best”',
  model: 'acme/one',
  isShared: false,
  parts: () => ({ whole: money(3n), prompt: money(1n), completion: money(2n) }),
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

const answerOf = (content: unknown, extra: object = {}): object => ({
  id: 'theirs',
  object: 'chat.completion',
  created: 7,
  model: 'one-2024',
  choices: [{ index: 0, message: { role: 'assistant', content, refusal: null }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
  ...extra,
})

const tellShort = (json: string) => textAnswer(json, JSON.parse(json) as ChatChunk, facts)

/** An additional field forces the slow path. */
function tellLong(answer: object): unknown {
  const novel = { ...answer, novel: true } as ChatChunk
  const { novel: _, ...told } = JSON.parse(
    chatCompleter({ hidesReasoning: false })(facts).answer(JSON.stringify(novel), novel),
  ) as Record<string, unknown>
  return told
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
        const answer = answerOf(text, extra)
        const json = JSON.stringify(answer, undefined, indent)
        const same = JSON.parse(json) as object
        expect(JSON.parse(tellShort(json) ?? '')).toEqual(tellLong(same))
      },
    ),
  )
})

test('the text keeps the escapes that the provider wrote', () => {
  const json = JSON.stringify(answerOf('@')).replace('"@"', '"caf\\u00e9\\/\\u00E9"')
  expect(tellShort(json)).toContain('"content":"caf\\u00e9\\/\\u00E9"')
})

test.each([
  [
    'in an addition of the provider',
    { service_tier: 'x","content":"another', system_fingerprint: 'content' },
  ],
  ['in the text', {}],
])('the text is not mistaken for another “content” %s', (_, extra) => {
  const text = 'say "content":"nothing" or \\"content\\":\\"much\\"'
  const told = JSON.parse(tellShort(JSON.stringify(answerOf(text, extra))) ?? '') as ChatChunk
  expect(told.choices?.[0]?.message?.content).toBe(text)
})

test('when two members are named “content”, the text is serialized again', () => {
  const json = JSON.stringify(answerOf('ours', { service_tier: { content: 'theirs' } }))
  const told = JSON.parse(tellShort(json) ?? '') as ChatChunk
  expect(told.choices?.[0]?.message?.content).toBe('ours')
})

test.each([
  ['nothing said', answerOf(null)],
  ['parts', answerOf([{ type: 'text', text: 'x' }])],
  ['two choices', answerOf('x', { choices: [{ message: { content: 'x' } }, { message: { content: 'y' } }] })],
  ['another index', answerOf('x', { choices: [{ index: 1, message: { content: 'x' } }] })],
  ['a call', answerOf('x', { choices: [{ message: { content: 'x', tool_calls: [{}] } }] })],
  ['thoughts', answerOf('x', { choices: [{ message: { content: 'x', reasoning: 'hm' } }] })],
  ['links', answerOf('x', { choices: [{ message: { content: 'x', annotations: [{}] } }] })],
  ['log probabilities', answerOf('x', { choices: [{ message: { content: 'x' }, logprobs: {} }] })],
  ['a field of its own', answerOf('x', { novel: 1 })],
])('a response with %s does not take the fast path', (_, answer) => {
  expect(tellShort(JSON.stringify(answer))).toBeUndefined()
})

test.each(['constructor', '__proto__', 'toString'])(
  'a finish reason “%s” is reported as “stop”',
  (reason) => {
    const { choices } = JSON.parse(JSON.stringify(answerOf('hi'))) as { choices: object[] }
    const answer = answerOf('hi', { choices: [{ ...choices[0], finish_reason: reason }] })
    const told = JSON.parse(tellShort(JSON.stringify(answer)) ?? '') as ChatChunk
    expect(told.choices?.[0]).toMatchObject({ finish_reason: 'stop', native_finish_reason: reason })
    expect(tellLong(answer)).toEqual(told)
  },
)
