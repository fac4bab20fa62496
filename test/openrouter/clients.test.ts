import { generateObject, generateText, jsonSchema, streamText, tool, type ToolSet } from 'ai'
import { APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientsOn } from '../support/openrouter-clients.ts'
import { eventsOf, schemaErrorsOf } from '../support/openrouter-schema.ts'
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
const USAGE = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 }
const CALL = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Ghent"}' } }
/** Like OpenAI, which does not repeat the type in later pieces of a call. */
const PIECES = [
  {
    tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } }],
  },
  { tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] },
  { tool_calls: [{ index: 0, function: { arguments: '"Ghent"}' } }] },
]

let upstream: ScriptedUpstream
let broker: Broker
let clients: ReturnType<typeof clientsOn>
beforeAll(async () => {
  upstream = await scriptedUpstream(({ body }: ReceivedRequest) => scenes(body))
  broker = await startBroker({ env: openaiAt(upstream) })
  clients = clientsOn(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  for (const open of [clients, broker, upstream]) await open[Symbol.asyncDispose]()
})

/** Chooses the script by the caller's message. */
function scenes(body: unknown): readonly Step[] {
  const { stream, messages } = body as { stream?: boolean; messages: { content: unknown }[] }
  const received = JSON.stringify(messages)
  if (received.includes('refuse')) return [json(400, { error: { message: 'context length exceeded' } })]
  if (received.includes('break'))
    return [sse(chatChunk('one '), { ...chatChunk(''), choices: [{ index: 0, delta: PIECES[0] }] }), cut]
  if (received.includes('weather'))
    return stream === true
      ? streamed(PIECES, 'tool_calls')
      : plain({ content: null, tool_calls: [CALL] }, 'tool_calls')
  if (received.includes('json')) return plain({ content: '{"city":"Ghent"}' })
  if (received.includes('think'))
    return stream === true
      ? streamed([{ reasoning_content: 'hm ' }, { reasoning_content: 'so' }, { content: 'yes' }])
      : plain({ content: 'yes', reasoning_content: 'hm so' })
  return plain({ content: 'hi' })
}

function plain(message: object, finish_reason = 'stop'): readonly Step[] {
  const choices = [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }]
  return [json(200, { id: 'x', object: 'chat.completion', created: 1, model, choices, usage: USAGE })]
}

function streamed(deltas: readonly object[], reason = 'stop'): readonly Step[] {
  const chunks = deltas.map((delta) => ({
    ...chatChunk(''),
    choices: [{ index: 0, delta, finish_reason: null }],
  }))
  return [sse(...chunks, finishChunk(reason), usageChunk(USAGE), done)]
}

const user = (content: string) => [{ role: 'user' as const, content }]
const parameters = { type: 'object' as const, properties: { city: { type: 'string' as const } } }
const tools = [{ type: 'function' as const, function: { name: 'weather', parameters } }]
const weather = tool({ inputSchema: jsonSchema<{ city: string }>(parameters) })

describe('a tool call is read by the client', () => {
  test('of openai', async () => {
    const { openai } = clients
    const response = await openai.chat.completions.create({ model, messages: user('weather?'), tools })
    expect(response.choices[0]?.message.tool_calls?.[0]).toMatchObject(CALL)
    const final = await openai.chat.completions
      .stream({ model, messages: user('weather?'), tools })
      .finalChatCompletion()
    expect(final.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: CALL.function })
  })

  test('of @openrouter/sdk', async () => {
    const chatRequest = { model, messages: user('weather?'), tools }
    const response = await clients.openrouter.chat.send({ chatRequest: { ...chatRequest, stream: false } })
    expect('choices' in response && response.choices[0]?.message.toolCalls?.[0]).toMatchObject(CALL)
    const stream = await clients.openrouter.chat.send({ chatRequest: { ...chatRequest, stream: true } })
    if ('choices' in stream) throw new Error('no stream')
    let received = ''
    for await (const { choices } of stream)
      received += choices[0]?.delta.toolCalls?.[0]?.function?.arguments ?? ''
    expect(received).toBe(CALL.function.arguments)
  })

  test('of @openrouter/ai-sdk-provider', async () => {
    const options = {
      model: clients.aiSdk(model),
      prompt: 'weather?',
      tools: { weather } as unknown as ToolSet,
      maxRetries: 0,
    }
    const wanted = [{ toolName: 'weather', input: { city: 'Ghent' } }]
    expect((await generateText(options)).toolCalls).toMatchObject(wanted)
    expect(await streamText(options).toolCalls).toMatchObject(wanted)
  })
})

test('the clients get structured output', async () => {
  const schema = jsonSchema<{ city: string }>(parameters)
  const { object } = await generateObject({
    model: clients.aiSdk(model),
    prompt: 'as json',
    schema,
    maxRetries: 0,
  })
  expect(object).toEqual({ city: 'Ghent' })
  expect(upstream.requests.at(-1)?.body).toMatchObject({ response_format: { type: 'json_schema' } })
})

describe('reasoning', () => {
  test('is returned under OpenRouter’s field names', async () => {
    const options = { model: clients.aiSdk(model), prompt: 'think', maxRetries: 0 }
    expect((await generateText(options)).reasoningText).toBe('hm so')
    expect(await streamText(options).reasoningText).toBe('hm so')
    const { text } = await broker.post('/api/v1/chat/completions', {
      model,
      messages: user('think'),
      stream: true,
    })
    expect(text).not.toContain('reasoning_content')
    for (const data of eventsOf(text))
      expect(schemaErrorsOf('POST /chat/completions text/event-stream', { data })).toEqual([])
  })

  test('is left out when the caller excludes it', async () => {
    const reasoning = { exclude: true }
    for (const stream of [false, true]) {
      const { text } = await broker.post('/api/v1/chat/completions', {
        model,
        messages: user('think'),
        reasoning,
        stream,
      })
      // An id has no space, but it may have any two letters in a row.
      expect(text).not.toContain('hm ')
      expect(text).toContain('yes')
    }
  })
})

test('OpenAI’s client gets the id of every response, plain, streamed and failed', async () => {
  const { completions } = clients.openai.chat
  const plain = await completions.create({ model, messages: user('x') })
  expect(plain._request_id).toBe(plain.id)
  const { data, request_id: streamed } = await completions
    .create({ model, messages: user('x'), stream: true })
    .withResponse()
  for await (const { id } of data) expect(id).toBe(streamed)
  const failure = await completions.create({ model, messages: user('refuse') }).catch((e: unknown) => e)
  expect(failure).toMatchObject({ requestID: expect.stringMatching(/^gen-/) })
})

describe('a failure', () => {
  test('has the provider’s message where each client looks for it', async () => {
    const { openai, openrouter, aiSdk } = clients
    const byOpenai = await openai.chat.completions
      .create({ model, messages: user('refuse') })
      .catch((e: unknown) => e)
    expect(byOpenai).toBeInstanceOf(APIError)
    expect(byOpenai).toMatchObject({
      status: 400,
      message: expect.stringContaining('context length exceeded'),
    })
    const sent = openrouter.chat.send({ chatRequest: { model, messages: user('refuse'), stream: false } })
    await expect(sent).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining('context length'),
    })
    const generated = generateText({ model: aiSdk(model), prompt: 'refuse', maxRetries: 0 })
    await expect(generated).rejects.toThrow(/\[OpenAI\].*context length exceeded/)
  })

  test('in the middle of a stream is an error chunk, not a short response', async () => {
    const { text } = await broker.post('/api/v1/chat/completions', {
      model,
      messages: user('break'),
      stream: true,
    })
    const events = eventsOf(text)
    expect(events.at(-1)).toMatchObject({
      provider: 'OpenAI',
      model,
      error: { code: 502, metadata: { error_type: 'provider_unavailable' } },
      choices: [{ finish_reason: 'error' }],
    })
    for (const data of events)
      expect(schemaErrorsOf('POST /chat/completions text/event-stream', { data })).toEqual([])
    const stream = clients.openai.chat.completions.stream({ model, messages: user('break') })
    await expect(stream.finalContent()).rejects.toBeInstanceOf(APIError)
  })

  test('for an unknown model says so, with an id to refer to', async () => {
    const {
      status,
      json: body,
      headers,
    } = await broker.post('/api/v1/chat/completions', { model: 'no/such', messages: user('x') })
    expect(status).toBe(404)
    expect(schemaErrorsOf('error 404', body)).toEqual([])
    expect(headers['x-generation-id']).toMatch(/^gen-\d+-[A-Za-z0-9]{20}$/)
  })
})
