import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chatFormatter } from '../../../src/inference/response/formats/chat-response.ts'
import { PlainTextChunks } from '../../../src/inference/response/formats/plain-text-response.ts'
import { OPENROUTER_RESPONSES } from '../../../src/inference/response/response-shape.ts'
import type { ChatChunk } from '../../../src/wire/openai/chat.ts'

const facts = {
  id: 'gen-1-x',
  created: 7,
  provider: 'Acme',
  model: 'acme/one',
  isCombined: false,
  shape: OPENROUTER_RESPONSES,
  costParts: () => undefined,
  cost: () => undefined,
  metadata: () => undefined,
  usage: () => undefined,
  envelope: () => ({}),
  envelopeText: () => '{}',
}

const chunkOf = (text: string, extra: object = {}): ChatChunk => ({
  id: 'theirs',
  object: 'chat.completion.chunk',
  created: 7,
  choices: [{ index: 0, delta: { content: text }, finish_reason: null }],
  ...extra,
})

test('the fast path formats a text chunk exactly as the slow path does, for any text and fingerprint', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.option(fc.string()))), (pieces) => {
      const short = new PlainTextChunks(facts, 7)
      for (const [text, fingerprint] of pieces) {
        const formatted = short.format(chunkOf(text, { system_fingerprint: fingerprint }))
        // An additional field forces the slow path.
        const long = chatFormatter({ hidesReasoning: false })(facts)
        const whole = long.formatChunk('', chunkOf(text, { system_fingerprint: fingerprint, novel: true }))
        const { novel, ...same } = JSON.parse(whole ?? '') as Record<string, unknown>
        expect([novel, JSON.parse(formatted ?? '')]).toEqual([true, same])
      }
    }),
  )
})

test.each([
  ['a finish reason', { choices: [{ index: 0, delta: { content: '' }, finish_reason: 'stop' }] }],
  ['thoughts', { choices: [{ index: 0, delta: { content: '', reasoning: 'hm' } }] }],
  ['another choice', { choices: [{ index: 1, delta: { content: 'x' } }] }],
  ['log probabilities', { choices: [{ index: 0, delta: { content: 'x' }, logprobs: { content: [] } }] }],
  ['a count', { usage: { prompt_tokens: 1 } }],
  ['a field of its own', { novel: 1 }],
])('a chunk with %s does not take the fast path', (_, extra) => {
  expect(new PlainTextChunks(facts, 7).format(chunkOf('x', extra))).toBeUndefined()
})
