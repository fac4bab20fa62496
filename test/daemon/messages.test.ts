import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anthropicClient } from '../support/anthropic-client.ts'
import { openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  json,
  scriptedUpstream,
  sse,
  usageChunk,
  type ReceivedRequest,
  type ScriptedUpstream,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const model = 'gpt-4o-mini'
const USAGE = {
  prompt_tokens: 30,
  completion_tokens: 4,
  total_tokens: 34,
  prompt_tokens_details: { cached_tokens: 10 },
}
const TOOL = {
  name: 'weather',
  description: 'The weather of a city',
  input_schema: { type: 'object' as const, properties: { city: { type: 'string' } } },
}

let upstream: ScriptedUpstream
let broker: Broker
let client: ReturnType<typeof anthropicClient>
beforeAll(async () => {
  upstream = await scriptedUpstream(scenes)
  broker = await startBroker({ env: openaiAt(upstream) })
  client = anthropicClient(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  for (const open of [client, broker, upstream]) await open[Symbol.asyncDispose]()
})

/** Chooses the script by the last message that the provider gets. */
function scenes({ body }: ReceivedRequest): readonly Step[] {
  const { stream, messages } = body as { stream?: boolean; messages: readonly object[] }
  const last = JSON.stringify(messages.at(-1))
  if (last.includes('busy')) return [json(429, { error: { message: 'slow down' } }, { 'retry-after': '900' })]
  if (last.includes('too much')) return [json(400, { error: { message: 'maximum context length is 8192' } })]
  if (last.includes('break')) return [sse(chatChunk('half ')), cut]
  if (last.includes('weather'))
    return [
      sse(
        piece({ index: 0, id: 'call_1', function: { name: 'weather', arguments: '' } }),
        piece({ index: 0, function: { arguments: '{"city":' } }),
        piece({ index: 0, function: { arguments: '"Ghent"}' } }),
        finishChunk('stop'),
        usageChunk(USAGE),
        done,
      ),
    ]
  if (stream === true) return [sse(chatChunk('hel'), chatChunk('lo'), finishChunk(), usageChunk(USAGE), done)]
  const choices = [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }]
  return [json(200, { id: 'x', object: 'chat.completion', created: 1, model, choices, usage: USAGE })]
}

function piece(call: object): object {
  return { ...chatChunk(''), choices: [{ index: 0, delta: { tool_calls: [call] }, finish_reason: null }] }
}

const ask = (content: string) => ({ model, max_tokens: 100, messages: [{ role: 'user' as const, content }] })

describe('POST /v1/messages on a provider of chat completions', () => {
  test('a plain request gets a message with the usage in Anthropic’s arithmetic', async () => {
    const message = await client.messages.create(ask('hi'))
    expect(message).toMatchObject({
      type: 'message',
      role: 'assistant',
      model,
      content: [{ type: 'text', text: 'hello' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 20, cache_read_input_tokens: 10, output_tokens: 4 },
    })
    expect(message._request_id).toMatch(/^gen-/)
  })

  test('a stream has the events that Anthropic’s client needs', async () => {
    const events: string[] = []
    const stream = client.messages.stream(ask('hi'))
    stream.on('streamEvent', ({ type }) => events.push(type))
    const message = await stream.finalMessage()
    expect(events).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    expect(message).toMatchObject({
      content: [{ text: 'hello' }],
      usage: { input_tokens: 20, output_tokens: 4 },
    })
  })

  test('a tool call comes as JSON in deltas and ends with tool_use, although the provider said stop', async () => {
    const message = await client.messages.stream({ ...ask('weather'), tools: [TOOL] }).finalMessage()
    expect(message).toMatchObject({
      content: [{ type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Ghent' } }],
      stop_reason: 'tool_use',
    })
  })

  test('a prompt that is too long is reported in the words that agents compact at', async () => {
    const failure = await client.messages.create(ask('too much')).catch((error: unknown) => error)
    expect(failure).toMatchObject({ status: 400, error: { error: { type: 'invalid_request_error' } } })
    expect(String(failure)).toContain('prompt is too long')
  })

  test('a stream that breaks off ends in an error, never as a whole message', async () => {
    const stream = client.messages.stream(ask('break'))
    await expect(stream.finalMessage()).rejects.toBeInstanceOf(Anthropic.APIError)
  })

  test('a request without max_tokens is refused in Anthropic’s shape, with the id of the request', async () => {
    const response = await broker.post('/v1/messages', { model, messages: [] })
    expect(response.status).toBe(400)
    expect(response.json).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', message: expect.stringContaining('max_tokens') as string },
      request_id: expect.stringMatching(/^gen-/) as string,
    })
  })

  // The last, since the key cools down after it.
  test('a provider without capacity is an overloaded_error with status 529', async () => {
    const failure = await client.messages.create(ask('busy')).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(Anthropic.APIError)
    expect(failure).toMatchObject({ status: 529, error: { error: { type: 'overloaded_error' } } })
  })
})

describe('the other routes of Anthropic’s API', () => {
  test('count_tokens counts system prompt, tools and messages, and calls no provider', async () => {
    const before = upstream.requests.length
    const short = await client.messages.countTokens({ model, messages: ask('hi').messages })
    const long = await client.messages.countTokens({
      model,
      system: 'You are a helpful assistant in a test. '.repeat(20),
      messages: ask('hi').messages,
      tools: [TOOL],
    })
    expect(long.input_tokens).toBeGreaterThan(short.input_tokens + 150)
    expect(short.input_tokens).toBeGreaterThan(0)
    expect(upstream.requests.length).toBe(before)
  })

  test('the list of models has Anthropic’s form for Anthropic’s clients and pages by id', async () => {
    const page = await client.models.list({ limit: 2 })
    expect(page.data).toHaveLength(2)
    expect(page.data[0]).toMatchObject({ type: 'model', lifecycle: 'active' })
    expect(page.has_more).toBe(true)
    const next = await page.getNextPage()
    expect(next.data[0]?.id).not.toBe(page.data[1]?.id)
    const all = (await broker.get('/v1/models')).json as { object: string; data: readonly { id: string }[] }
    expect(all.object).toBe('list')
    const ids: string[] = []
    for await (const { id } of client.models.list({ limit: 1000 })) ids.push(id)
    expect(ids).toContain(page.data[0]?.id)
  })

  test('one model is found by its id', async () => {
    expect(await client.models.retrieve('gpt-4.1')).toMatchObject({ id: 'gpt-4.1', type: 'model' })
  })

  test('an x-api-key that is an unknown token of ours is refused in Anthropic’s shape', async () => {
    const stranger = anthropicClient(broker.sockets.rest, {
      apiKey: null,
      defaultHeaders: { 'x-api-key': 'hb-unknown' },
    })
    await using _closed = stranger
    const failure = await stranger.messages.create(ask('hi')).catch((error: unknown) => error)
    expect(failure).toMatchObject({ status: 401, error: { error: { type: 'authentication_error' } } })
  })
})
