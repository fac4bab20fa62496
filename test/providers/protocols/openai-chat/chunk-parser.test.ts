import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChunkParser } from '../../../../src/providers/protocols/openai-chat/chunk-parser.ts'
import { parseObject } from '../../../../src/wire/openai/parse-object.ts'

const text = fc.oneof(
  fc.constantFrom(' word', '', '"', '\\', '\n', 'content', '"content":"x"'),
  fc.string({ unit: 'binary' }),
)

/** Chunks as providers write them, and some that no provider would write. */
const shape = fc.record(
  {
    id: fc.constant('chatcmpl-1'),
    system_fingerprint: fc.option(fc.string()),
    choices: fc.constantFrom(
      (content: string) => [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }],
      (content: string) => [{ index: 0, delta: { role: 'assistant', content } }],
      (content: string) => [{ index: 0, delta: { content, tool_calls: [] }, finish_reason: 'stop' }],
      (content: string) => [{ delta: { content, reasoning: content } }, { delta: { content: 'b' } }],
      (content: string) => [{ delta: { refusal: content } }],
      () => [],
    ),
    usage: fc.constantFrom(null, { prompt_tokens: 1 }),
    obfuscation: fc.string({ maxLength: 5 }),
  },
  { requiredKeys: ['choices'] },
)

const payloadOf = (
  { choices, ...rest }: typeof shape extends fc.Arbitrary<infer T> ? T : never,
  content: string,
) => JSON.stringify({ ...rest, choices: choices(content) })

/** The payload with some characters replaced, as a broken provider might send it. */
function broken(payload: string, at: number, by: string): string {
  const place = at % (payload.length + 1)
  return payload.slice(0, place) + by + payload.slice(place + by.length)
}

test('any sequence of chunks is parsed as each chunk would be alone', () => {
  fc.assert(
    fc.property(
      fc.array(shape, { minLength: 1, maxLength: 3 }),
      fc.array(
        fc.record({
          content: text,
          shape: fc.nat(),
          padding: fc.option(fc.string({ maxLength: 4 }), { nil: undefined }),
          fault: fc.option(fc.tuple(fc.nat(), fc.string({ minLength: 0, maxLength: 2 })), {
            nil: undefined,
            freq: 4,
          }),
        }),
        { maxLength: 12 },
      ),
      (shapes, pieces) => {
        const parser = new ChunkParser()
        for (const { content, shape: nth, padding, fault } of pieces) {
          const chosen = shapes[nth % shapes.length]
          if (chosen === undefined) return
          const padded = padding === undefined ? chosen : { ...chosen, obfuscation: padding }
          const whole = payloadOf(padded, content)
          const payload = fault === undefined ? whole : broken(whole, ...fault)
          expect(parser.parse(payload)).toEqual(parseObject(payload))
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('another field named “content” is not taken for the text when field names contain escapes', () => {
  const parser = new ChunkParser()
  const payload = (content: string, other: string) =>
    `{"note":{"content":"${other}"},"choices":[{"delta":{"cont\\u0065nt":"${content}"}}]}`
  for (const [content, other] of [
    ['a', 'a'],
    ['a', 'b'],
    ['c', 'b'],
  ] as const)
    expect(parser.parse(payload(content, other))).toEqual(parseObject(payload(content, other)))
})
