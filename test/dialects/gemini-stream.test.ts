import { expect, test } from 'vitest'
import { ContentEncoder } from '../../src/dialects/gemini/client/response/response-encoder.ts'
import { ContentDecoder } from '../../src/dialects/gemini/provider/response/stream-decoder.ts'
import { type ReadStream, callPiece, readStream } from './stream-support.ts'

const url = '/v1beta/models/m:streamGenerateContent?alt=sse'
const facts = { id: 'gen-1', model: 'm', stream: true, created: 1, url }

const read = (pieces: readonly Uint8Array[]): ReadStream =>
  readStream(
    new ContentDecoder({ seal: (blob) => `sealed ${blob}`, keepsOriginal: false, seed: 's' }),
    pieces,
  )

const event = (data: object): string => `data: ${JSON.stringify({ responseId: 'r', ...data })}\r\n\r\n`
const candidate = (parts: readonly object[], more: object = {}): object => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...more }],
})
const usage = (candidatesTokenCount: number): object => ({
  usageMetadata: { promptTokenCount: 50, candidatesTokenCount, thoughtsTokenCount: 3 },
})
/** With a call before the end, the end in an event of its own, and the usage in each. */
const STREAM = [
  event({ ...candidate([{ text: 'hm', thought: true }]), ...usage(1) }),
  event({ ...candidate([{ text: 'zü' }]), ...usage(2) }),
  event({
    ...candidate([{ functionCall: { name: 'f', args: { a: 'ü' } }, thoughtSignature: 'c2ln' }]),
    ...usage(4),
  }),
  event({ ...candidate([{ functionCall: { id: 'own', name: 'g' } }]), ...usage(4) }),
  event({ ...candidate([], { finishReason: 'STOP' }), ...usage(7) }),
].join('')

test('a call, a signature and the final usage are read, whichever event the end is in', () => {
  const { chunks, ended } = read([Buffer.from(STREAM)])
  expect(ended).toBe(true)
  const deltas = chunks.flatMap(({ choices }) => choices ?? []).map(({ delta }) => delta)
  expect(deltas).toMatchObject([
    { reasoning: 'hm' },
    { content: 'zü' },
    {
      tool_calls: [
        {
          index: 0,
          id: expect.stringMatching(/^call_[0-9a-f]{24}$/) as string,
          function: { arguments: '{"a":"ü"}' },
        },
      ],
      reasoning_details: [{ type: 'reasoning.encrypted', data: 'sealed c2ln', format: 'google-gemini-v1' }],
    },
    { tool_calls: [{ index: 1, id: 'own', function: { name: 'g', arguments: '{}' } }] },
    {},
  ])
  expect(chunks.at(-2)?.choices?.[0]?.finish_reason).toBe('tool_calls')
  expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 50, completion_tokens: 10, total_tokens: 60 })
})

test('a stream in two pieces, cut at any byte, gives the same chunks', () => {
  const bytes = Buffer.from(STREAM)
  const whole = read([bytes])
  for (let at = 0; at <= bytes.length; at++)
    expect(read([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole)
})

test('a stream that ends at any byte before its finish reason is an error, never a whole response', () => {
  const bytes = Buffer.from(STREAM)
  const lastEvent = bytes.lastIndexOf('data: ')
  for (let at = 0; at < bytes.length; at++) {
    const { ended, error } = read([bytes.subarray(0, at)])
    // The event is whole without the empty line after it.
    const isWhole = at >= bytes.length - '\r\n\r\n'.length
    expect([at, ended, error === undefined]).toEqual([at, isWhole, isWhole])
    if (at < lastEvent) expect(error?.message).toContain('before the response was complete')
  }
})

test('a blocked prompt ends the stream with a filter’s reason', () => {
  const { chunks, ended } = read([Buffer.from(event({ promptFeedback: { blockReason: 'SAFETY' } }))])
  expect(ended).toBe(true)
  expect(chunks[0]?.choices?.[0]).toMatchObject({
    finish_reason: 'content_filter',
    native_finish_reason: 'SAFETY',
  })
})

test.each([
  [
    'an error among the events',
    { error: { code: 503, message: 'overloaded', status: 'UNAVAILABLE' } },
    'overloaded',
  ],
  ['a malformed call', candidate([], { finishReason: 'MALFORMED_FUNCTION_CALL' }), 'MALFORMED_FUNCTION_CALL'],
])('%s is a failure', (_name, data, message) => {
  const { ended, error } = read([Buffer.from(event(data))])
  expect([ended, error?.message]).toEqual([false, expect.stringContaining(message)])
})

/** What the encoder writes for these chunks, as parsed events. */
function written(chunks: readonly object[], more: object = {}): readonly Record<string, unknown>[] {
  const encoder = new ContentEncoder({ ...facts, ...more })
  const text = chunks.map((chunk) => encoder.chunk(JSON.stringify(chunk))).join('') + encoder.end()
  return text
    .split('\r\n\r\n')
    .filter((one) => one !== '')
    .map((one) => JSON.parse(one.slice('data: '.length)) as Record<string, unknown>)
}

const chunk = (delta: object, finish_reason: string | null = null): object => ({
  choices: [{ index: 0, delta, finish_reason }],
})

test('pieces of parallel calls in turns are written whole and in order, with the reason in the last event', () => {
  const events = written([
    chunk(callPiece(0, '{"a"', 'one')),
    chunk(callPiece(1, '{"b":', 'two')),
    chunk(callPiece(0, ':1}')),
    chunk(callPiece(1, '2}')),
    chunk({}, 'tool_calls'),
    { choices: [], usage: { prompt_tokens: 5, completion_tokens: 7 } },
  ])
  expect(events).toEqual([
    {
      candidates: [
        {
          content: {
            role: 'model',
            parts: [
              { functionCall: { id: 'one', name: 'f0', args: { a: 1 } } },
              { functionCall: { id: 'two', name: 'f1', args: { b: 2 } } },
            ],
          },
          finishReason: 'STOP',
          index: 0,
        },
      ],
      usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 7, totalTokenCount: 12 },
      modelVersion: 'm',
      responseId: 'gen-1',
    },
  ])
})

test('arguments that are a string of JSON are written as an object, once', () => {
  const [event] = written([chunk(callPiece(0, '{"a":"{\\"b\\":1}"}', 'one')), chunk({}, 'stop')])
  expect(JSON.stringify(event)).toContain(JSON.stringify({ args: { a: '{"b":1}' } }).slice(1, -1))
})

test('another vendor’s signed thoughts travel in the signature of the call that follows them', () => {
  const detail = { type: 'reasoning.text', format: 'anthropic-claude-v1', index: 0 }
  const [event] = written(
    [
      chunk({ reasoning: 'h', reasoning_details: [{ ...detail, text: 'h' }] }),
      chunk({ reasoning: 'm', reasoning_details: [{ ...detail, text: 'm' }] }),
      chunk({ reasoning_details: [{ ...detail, signature: 'aib1.x' }] }),
      chunk(callPiece(0, '{}', 'one')),
      chunk({}, 'tool_calls'),
    ],
    { request: { value: {} } },
  ) as [{ candidates: [{ content: { parts: [{ thoughtSignature: string }] } }] }]
  const { thoughtSignature } = event.candidates[0].content.parts[0]
  expect(JSON.parse(Buffer.from(thoughtSignature, 'base64').toString())).toEqual([
    { ...detail, text: 'hm', signature: 'aib1.x' },
  ])
})

test.each([
  ['length', 'MAX_TOKENS'],
  ['content_filter', 'SAFETY'],
  ['stop', 'STOP'],
  ['tool_calls', 'STOP'],
])('a response that is empty and ends with %s has one part and %s', (reason, finishReason) => {
  expect(written([chunk({}, reason)])).toMatchObject([
    { candidates: [{ content: { parts: [{ text: '' }] }, finishReason }] },
  ])
})
