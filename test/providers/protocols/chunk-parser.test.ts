import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChunkPattern } from '../../../src/providers/protocols/chunk-parser.ts'
import { parseObject } from '../../../src/wire/openai/parse-object.ts'

const text = fc.oneof(
  fc.constantFrom(' word', '', '"', '\\', '\n', 'content', '"content":"x"'),
  fc.string({ unit: 'binary' }),
)

/** A chunk as providers write it, and some that nobody would. */
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
  said: string,
) => JSON.stringify({ ...rest, choices: choices(said) })

/** One character of a payload made another one, as a broken provider might. */
function broken(payload: string, at: number, by: string): string {
  const place = at % (payload.length + 1)
  return payload.slice(0, place) + by + payload.slice(place + by.length)
}

test('whatever chunks follow each other, each is what parsing it alone makes of it', () => {
  fc.assert(
    fc.property(
      fc.array(shape, { minLength: 1, maxLength: 3 }),
      fc.array(
        fc.record({
          said: text,
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
        const pattern = new ChunkPattern()
        for (const { said, shape: nth, padding, fault } of pieces) {
          const chosen = shapes[nth % shapes.length]
          if (chosen === undefined) return
          const padded = padding === undefined ? chosen : { ...chosen, obfuscation: padding }
          const whole = payloadOf(padded, said)
          const payload = fault === undefined ? whole : broken(whole, ...fault)
          expect(pattern.parse(payload)).toEqual(parseObject(payload))
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('a name that is written with escapes is no reason to take another “content” for the text', () => {
  const pattern = new ChunkPattern()
  const payload = (said: string, other: string) =>
    `{"note":{"content":"${other}"},"choices":[{"delta":{"cont\\u0065nt":"${said}"}}]}`
  for (const [said, other] of [
    ['a', 'a'],
    ['a', 'b'],
    ['c', 'b'],
  ] as const)
    expect(pattern.parse(payload(said, other))).toEqual(parseObject(payload(said, other)))
})
