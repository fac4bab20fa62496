import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anthropicClient } from '../support/anthropic-client.ts'
import { openaiClient } from '../support/openai-client.ts'
import {
  cut,
  json,
  raw,
  scriptedUpstream,
  type ReceivedRequest,
  type ScriptedUpstream,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const model = 'claude-opus-5.5'
const USAGE = {
  input_tokens: 100,
  cache_read_input_tokens: 1000,
  cache_creation_input_tokens: 300,
  cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
  output_tokens: 50,
}
/** At $4, 0.2, 5 (five minutes), 8 (an hour) and 20 per million tokens: in nano-dollars. */
const COST = 100 * 4000 + 1000 * 200 + 100 * 5000 + 200 * 8000 + 50 * 20_000

const event = (data: { readonly type: string }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
const start = event({
  type: 'message_start',
  message: {
    id: 'msg_up',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-5-5',
    content: [],
    stop_reason: null,
    usage: { ...USAGE, output_tokens: 1 },
  },
} as never)
const block = (index: number, content_block: object, ...deltas: readonly object[]): string =>
  [
    { type: 'content_block_start', index, content_block },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]
    .map(event)
    .join('')
const end = (stop_reason: string): string =>
  event({
    type: 'message_delta',
    delta: { stop_reason, stop_sequence: null },
    usage: { output_tokens: 50 },
  } as never) + event({ type: 'message_stop' })

const THINKING = block(
  0,
  { type: 'thinking', thinking: '', signature: '' },
  { type: 'thinking_delta', thinking: 'hm' },
  { type: 'signature_delta', signature: 'SIGNED+by/anthropic==' },
)
const TEXT = block(
  1,
  { type: 'text', text: '' },
  { type: 'text_delta', text: 'hel' },
  { type: 'text_delta', text: 'lo' },
)
const TOOL = block(
  1,
  { type: 'tool_use', id: 'toolu_1', name: 'weather', input: {} },
  { type: 'input_json_delta', partial_json: '{"city":' },
  { type: 'input_json_delta', partial_json: '"Ghent"}' },
)

let upstream: ScriptedUpstream
let broker: Broker
let chat: ReturnType<typeof openaiClient>
let messages: ReturnType<typeof anthropicClient>
beforeAll(async () => {
  upstream = await scriptedUpstream(scenes)
  broker = await startBroker({
    env: { ANTHROPIC_API_KEYS: 'sk-ant-canary', AIBROKER_ANTHROPIC_URL: upstream.baseUrl },
  })
  chat = openaiClient(broker.sockets.rest)
  messages = anthropicClient(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  for (const open of [messages, chat, broker, upstream]) await open[Symbol.asyncDispose]()
})

function scenes({ body }: ReceivedRequest): readonly Step[] {
  const { stream, messages: turns } = body as { stream?: boolean; messages: readonly object[] }
  const last = JSON.stringify(turns.at(-1))
  if (last.includes('break')) return [raw(start + THINKING), cut]
  if (last.includes('weather')) return [raw(start + THINKING + TOOL + end('tool_use'))]
  if (stream === true) return [raw(start + THINKING + TEXT + end('end_turn'))]
  const content = [{ type: 'text', text: 'hello' }]
  const head = { id: 'msg_up', type: 'message', role: 'assistant', model: 'claude-opus-5-5' }
  return [json(200, { ...head, content, stop_reason: 'end_turn', stop_sequence: null, usage: USAGE })]
}

const received = (): ReceivedRequest => upstream.requests.at(-1) as ReceivedRequest

describe('a provider that speaks Anthropic’s protocol', () => {
  test('serves a chat, priced with its cache reads and writes by their time to live', async () => {
    const response = await chat.chat.completions.create({
      model,
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'hi' },
      ],
    })
    expect(response.choices[0]?.message.content).toBe('hello')
    expect(response.usage).toMatchObject({ prompt_tokens: 1400, completion_tokens: 50 })
    expect(received().path).toBe('/v1/messages')
    expect(received().headers).toMatchObject({
      'x-api-key': 'sk-ant-canary',
      'anthropic-version': '2023-06-01',
    })
    expect(received().body).toMatchObject({
      model: 'claude-opus-5-5',
      system: 'be brief',
      messages: [{ role: 'user', content: 'hi' }],
    })
    expect(response).toMatchObject({ usage: { cost: COST / 1e9 } })
  })

  test('streams thoughts, text and a tool call to a client of chat completions', async () => {
    const stream = chat.chat.completions.stream({
      model,
      messages: [{ role: 'user', content: 'weather' }],
      tools: [
        { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } },
      ],
    })
    const { choices } = await stream.finalChatCompletion()
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        tool_calls: [{ id: 'toolu_1', function: { name: 'weather', arguments: '{"city":"Ghent"}' } }],
      },
    })
  })

  test('passes a request of its own dialect on as it is, but for the name of the model', async () => {
    const request = {
      model,
      max_tokens: 64,
      messages: [
        {
          role: 'user',
          content: [{ type: 'text', text: 'hi', cache_control: { type: 'ephemeral', ttl: '1h' } }],
        },
      ],
      metadata: { user_id: 'someone' },
    }
    const text = JSON.stringify(request, null, 1)
    await broker.post('/v1/messages', text, { headers: { 'anthropic-beta': 'effort-2025-11-24' } })
    expect(received().raw.toString()).toBe(text.replace(model, 'claude-opus-5-5'))
    expect(received().headers['anthropic-beta']).toBe('effort-2025-11-24')
  })

  test('seals a signature for its caller and opens it when it comes back', async () => {
    const ask = { role: 'user' as const, content: 'hi' }
    const first = await messages.messages.stream({ model, max_tokens: 64, messages: [ask] }).finalMessage()
    expect(first.content).toMatchObject([
      { type: 'thinking', thinking: 'hm', signature: expect.stringMatching(/^aib1\./) as string },
      { type: 'text', text: 'hello' },
    ])
    expect(first.usage).toMatchObject({ input_tokens: 100, cache_read_input_tokens: 1000, output_tokens: 50 })
    const turns = [
      ask,
      { role: 'assistant' as const, content: first.content },
      { role: 'user' as const, content: 'more' },
    ]
    await messages.messages.create({ model, max_tokens: 64, messages: turns })
    expect(received().body).toMatchObject({
      messages: [
        {},
        { content: [{ type: 'thinking', signature: 'SIGNED+by/anthropic==' }, { type: 'text' }] },
        {},
      ],
    })
  })

  test('never gets a signature that was made elsewhere, and the caller is told', async () => {
    const foreign = { type: 'thinking' as const, thinking: 'hm', signature: 'aib1.0123456789abcdef.forged' }
    const { response } = await messages.messages
      .create({
        model,
        max_tokens: 64,
        messages: [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: [foreign, { type: 'text', text: 'hello' }] },
          { role: 'user', content: 'more' },
        ],
      })
      .withResponse()
    expect(JSON.stringify(received().body)).not.toContain('forged')
    expect(response.headers.get('x-aibroker-left-out')).toBe('thinking')
  })

  test('a chat that it cannot carry is refused by the name of the field', async () => {
    const refused = chat.chat.completions.create({
      model,
      logprobs: true,
      messages: [{ role: 'user', content: 'hi' }],
    })
    await expect(refused).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('logprobs') as string,
    })
  })

  test('a stream that breaks off before its end is no whole message', async () => {
    const stream = messages.messages.stream({
      model,
      max_tokens: 64,
      messages: [{ role: 'user', content: 'break' }],
    })
    await expect(stream.finalMessage()).rejects.toThrow(/./)
  })
})
