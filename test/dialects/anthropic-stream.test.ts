import { expect, test } from 'vitest'
import { MessageEncoder } from '../../src/dialects/anthropic/client/response-encoder.ts'
import { MessageDecoder } from '../../src/dialects/anthropic/provider/response/stream-decoder.ts'
import { type ReadStream, callPiece, encodeStream, readStream } from './stream-support.ts'

const facts = { id: 'gen-1', model: 'm', stream: true, created: 1 }

const read = (pieces: readonly Uint8Array[]): ReadStream =>
  readStream(new MessageDecoder({ seal: (blob) => `sealed ${blob}`, keepsOriginal: false }), pieces)

const encoded = (deltas: readonly object[], ending: object): string =>
  encodeStream(new MessageEncoder(facts), deltas, ending)

const STREAM = encoded(
  [
    { reasoning: 'hm', reasoning_details: [{ type: 'reasoning.text', text: 'hm', signature: 's' }] },
    { content: 'zü' },
    { content: 'rich' },
    callPiece(0, '{"a"', 'one'),
    callPiece(1, '{"b":', 'two'),
    callPiece(0, ':1}'),
    callPiece(1, '2}'),
  ],
  { finish_reason: 'tool_calls' },
)

function eventsOf(
  text: string,
): readonly { type: string; index?: number; delta?: object; content_block?: object }[] {
  return text
    .trim()
    .split('\n\n')
    .map((event) => {
      const [name, data] = event.split('\n')
      const parsed = JSON.parse(String(data).slice('data: '.length)) as { type: string }
      expect(name).toBe(`event: ${parsed.type}`)
      return parsed
    })
}

test('blocks have indexes without holes, never overlap, and end before the message does', () => {
  const events = eventsOf(STREAM)
  let open: number | undefined
  let next = 0
  for (const { type, index } of events) {
    if (type === 'content_block_start') {
      expect([open, index]).toEqual([undefined, next++])
      open = index
    } else if (type === 'content_block_delta') expect(index).toBe(open)
    else if (type === 'content_block_stop') open = undefined
  }
  expect(events.slice(-2).map(({ type }) => type)).toEqual(['message_delta', 'message_stop'])
  expect(next).toBe(4)
})

test('pieces of parallel calls that come in turns are not mixed', () => {
  const { chunks } = read([Buffer.from(STREAM)])
  const texts = ['', '']
  for (const { choices } of chunks)
    for (const { delta } of choices ?? [])
      for (const piece of (delta?.tool_calls ?? []) as readonly {
        index: number
        function: { arguments?: string }
      }[])
        texts[piece.index] += piece.function.arguments ?? ''
  expect(texts).toEqual(['{"a":1}', '{"b":2}'])
})

test('a stream that is cut at any byte is the whole response or an error', () => {
  const bytes = Buffer.from(STREAM)
  const whole = read([bytes])
  expect(whole.ended).toBe(true)
  expect(whole.chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 50, completion_tokens: 7 })
  for (let at = 0; at <= bytes.length; at++) {
    expect(read([bytes.subarray(0, at), bytes.subarray(at)]).chunks).toEqual(whole.chunks)
    const cut = read([bytes.subarray(0, at)])
    expect(cut.ended ? cut.chunks : whole.chunks).toEqual(whole.chunks)
    expect(cut.ended).toBe(cut.error === undefined)
  }
})

test('a whole input in the start of a block, and no input at all, both become arguments', () => {
  const block = (index: number, input: object): object[] => [
    {
      type: 'content_block_start',
      index,
      content_block: { type: 'tool_use', id: `t${index}`, name: 'f', input },
    },
    { type: 'content_block_stop', index },
  ]
  const events = [...block(0, { a: 1 }), ...block(1, {}), { type: 'message_stop' }]
  const { chunks } = read([Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''))])
  const texts = chunks.flatMap(({ choices }) =>
    (choices ?? []).flatMap(({ delta }) =>
      (delta?.tool_calls ?? []).map((piece) => piece.function?.arguments ?? ''),
    ),
  )
  expect(texts).toEqual(['', '{"a":1}', '', '{}'])
})

test('an error event is a failure, whatever came before it', () => {
  const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
  const text =
    STREAM.slice(0, STREAM.indexOf('event: message_delta')) +
    `event: error\ndata: ${JSON.stringify(error)}\n\n`
  const { ended, error: failure } = read([Buffer.from(text)])
  expect(ended).toBe(false)
  expect(failure?.message).toBe('Overloaded')
})

test.each([
  ['content_filter', undefined, 'refusal'],
  ['length', undefined, 'max_tokens'],
  ['stop', 'pause_turn', 'pause_turn'],
  ['stop', 'eos', 'end_turn'],
])('a finish reason %s (%s) is the stop reason %s', (finish_reason, native_finish_reason, expected) => {
  const ending =
    native_finish_reason === undefined ? { finish_reason } : { finish_reason, native_finish_reason }
  const events = eventsOf(encoded([{ content: 'x' }], ending))
  expect(events.at(-2)?.delta).toMatchObject({ stop_reason: expected })
})
