import { expect, test } from 'vitest'
import { ResponsesEncoder } from '../../src/dialects/responses/client/response-encoder.ts'
import { ResponsesDecoder } from '../../src/dialects/responses/provider/response/stream-decoder.ts'
import { type ReadStream, callPiece, encodeStream, readStream } from './stream-support.ts'

const facts = { id: 'gen-1', model: 'm', stream: true, created: 1 }

const read = (pieces: readonly Uint8Array[]): ReadStream =>
  readStream(new ResponsesDecoder({ seal: (blob) => `sealed ${blob}`, keepsOriginal: false }), pieces)

const encoded = (deltas: readonly object[], ending: object): string =>
  encodeStream(new ResponsesEncoder(facts), deltas, ending)

const STREAM = encoded(
  [
    { reasoning: 'hm', reasoning_details: [{ type: 'reasoning.summary', summary: 'hm', index: 0 }] },
    { reasoning_details: [{ type: 'reasoning.encrypted', data: 'blob', index: 0 }] },
    { content: 'zü' },
    { content: 'rich' },
    callPiece(0, '{"a"', 'one'),
    callPiece(1, '{"b":', 'two'),
    callPiece(0, ':1}'),
    callPiece(1, '2}'),
    { content: 'after' },
  ],
  { finish_reason: 'tool_calls' },
)

interface Event {
  readonly type: string
  readonly sequence_number: number
  readonly output_index?: number
  readonly item?: { readonly id: string; readonly type: string }
  readonly item_id?: string
  readonly response?: { readonly output: readonly unknown[] }
}

function eventsOf(text: string): readonly Event[] {
  return text
    .trim()
    .split('\n\n')
    .map((event) => {
      const [name, data] = event.split('\n')
      const parsed = JSON.parse(String(data).slice('data: '.length)) as Event
      expect(name).toBe(`event: ${parsed.type}`)
      return parsed
    })
}

test('events are numbered, items are announced before their deltas, and the last response has them all', () => {
  const events = eventsOf(STREAM)
  const ids = new Map<number | undefined, string>()
  const whole: unknown[] = []
  for (const [at, { type, sequence_number, output_index, item, item_id }] of events.entries()) {
    expect(sequence_number).toBe(at)
    if (type === 'response.output_item.added') {
      expect(output_index).toBe(ids.size)
      ids.set(output_index, String(item?.id))
    } else if (item_id !== undefined) expect(item_id).toBe(ids.get(output_index))
    if (type === 'response.output_item.done') whole[output_index ?? 0] = item
  }
  const last = events.at(-1)
  expect(last?.type).toBe('response.completed')
  expect(last?.response?.output).toEqual(whole)
  expect(last?.response?.output).toMatchObject([
    { type: 'reasoning', summary: [{ text: 'hm' }], encrypted_content: 'blob' },
    { type: 'message', content: [{ text: 'zürich' }] },
    { type: 'function_call', call_id: 'one', arguments: '{"a":1}' },
    { type: 'function_call', call_id: 'two', arguments: '{"b":2}' },
    { type: 'message', content: [{ text: 'after' }] },
  ])
})

test('what is encrypted is read from the end of its item, and sealed', () => {
  const { chunks } = read([Buffer.from(STREAM)])
  expect(JSON.stringify(chunks)).toContain('"data":"sealed blob"')
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
    const cut = read([bytes.subarray(0, at)])
    expect(cut.ended ? cut.chunks : whole.chunks).toEqual(whole.chunks)
    expect(cut.ended).toBe(cut.error === undefined)
    if (at % 16 === 0) expect(read([bytes.subarray(0, at), bytes.subarray(at)]).chunks).toEqual(whole.chunks)
  }
})

const events = (...all: readonly object[]): Buffer =>
  Buffer.from(all.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''))
const completed = { type: 'response.completed', response: { status: 'completed', output: [] } }

test('items of which only the last event comes are read from it', () => {
  const done = (output_index: number, item: object) => ({
    type: 'response.output_item.done',
    output_index,
    item,
  })
  const { chunks } = read([
    events(
      done(0, { type: 'reasoning', summary: [{ text: 'hm' }], encrypted_content: 'b' }),
      done(1, { type: 'function_call', call_id: 'c', name: 'f', arguments: '{"a":1}' }),
      completed,
    ),
  ])
  const text = JSON.stringify(chunks)
  expect(text).toContain('"summary":"hm"')
  expect(text).toContain('"data":"sealed b"')
  expect(text).toContain('"name":"f","arguments":"{\\"a\\":1}"')
  expect(text).toContain('"finish_reason":"tool_calls"')
})

test('events without places, as llama-server has them, are not passed on but written anew', () => {
  const decoder = new ResponsesDecoder({ seal: (blob) => blob, keepsOriginal: true })
  const item = { id: 'msg_1', type: 'message', content: [] }
  const chunks = [
    { type: 'response.output_item.added', item },
    { type: 'response.output_text.delta', item_id: 'msg_1', delta: 'hi' },
    { type: 'response.output_item.done', item: { ...item, content: [{ type: 'output_text', text: 'hi' }] } },
    completed,
  ].flatMap((event) => decoder.decode(event))
  expect(JSON.stringify(chunks)).not.toContain('dialect_fields')
  const encoder = new ResponsesEncoder(facts)
  const text = chunks.map((chunk) => encoder.chunk(JSON.stringify(chunk))).join('') + encoder.end()
  const last = eventsOf(text).at(-1)
  expect(last?.response?.output).toMatchObject([{ content: [{ text: 'hi' }] }])
})

test.each([
  [
    'response.failed',
    { type: 'response.failed', response: { error: { code: 'server_error', message: 'no' } } },
  ],
  ['error', { type: 'error', code: 'server_error', message: 'no' }],
  ['a nested error', { type: 'error', error: { type: 'server_error', message: 'no' } }],
])('%s ends a stream in an error with its words', (_name, event) => {
  const { error, ended } = read([events({ type: 'response.created', response: {} }, event)])
  expect(ended).toBe(false)
  expect(error?.message).toContain('no')
})

test.each([
  ['max_output_tokens', 'length'],
  ['content_filter', 'content_filter'],
])('an incomplete response for %s ends in %s', (reason, finish) => {
  const response = { status: 'incomplete', incomplete_details: { reason } }
  const { chunks, ended } = read([events({ type: 'response.incomplete', response })])
  expect(ended).toBe(true)
  expect(chunks[0]?.choices?.[0]).toMatchObject({ finish_reason: finish })
})

test('an answer of thoughts alone is no empty response', () => {
  const text = encoded([{ reasoning: 'only thoughts' }], { finish_reason: 'length' })
  const last = eventsOf(text).at(-1)
  expect(last).toMatchObject({
    type: 'response.incomplete',
    response: { output: [{ type: 'reasoning', summary: [{ text: 'only thoughts' }] }] },
  })
})

test('a refusal is a part of its own kind', () => {
  const last = eventsOf(encoded([{ refusal: 'I will ' }, { refusal: 'not' }], { finish_reason: 'stop' })).at(
    -1,
  )
  expect(last?.response?.output).toMatchObject([{ content: [{ type: 'refusal', refusal: 'I will not' }] }])
})
