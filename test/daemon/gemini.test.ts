import { ApiError, Type } from '@google/genai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { geminiClient, geminiClient1 } from '../support/gemini-client.ts'
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
  completion_tokens: 14,
  total_tokens: 44,
  prompt_tokens_details: { cached_tokens: 10 },
  completion_tokens_details: { reasoning_tokens: 10 },
}
const tools = [
  {
    functionDeclarations: [
      {
        name: 'weather',
        description: 'The weather of a city',
        parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } } },
      },
    ],
  },
]

let upstream: ScriptedUpstream
let broker: Broker
beforeAll(async () => {
  upstream = await scriptedUpstream(scenes)
  broker = await startBroker({ env: openaiAt(upstream), args: ['--address', '127.0.0.1', '--port', '0'] })
}, 30_000)
afterAll(async () => {
  for (const open of [broker, upstream]) await open[Symbol.asyncDispose]()
})

/** Chooses the script by the last message that the provider gets. */
function scenes({ body, path }: ReceivedRequest): readonly Step[] {
  if (path.endsWith('/embeddings')) return [json(200, embeddings(body))]
  const { stream, messages } = body as { stream?: boolean; messages: readonly object[] }
  const last = JSON.stringify(messages.at(-1))
  if (last.includes('busy')) return [json(429, { error: { message: 'slow down' } }, { 'retry-after': '900' })]
  if (last.includes('too much')) return [json(400, { error: { message: 'maximum context length is 8192' } })]
  if (last.includes('break')) return [sse(chatChunk('half ')), cut]
  if (last.includes('filtered')) return [sse(finishChunk('content_filter'), usageChunk(USAGE), done)]
  if (last.includes('weather'))
    return [
      sse(
        piece({ index: 0, id: 'call_1', function: { name: 'weather', arguments: '' } }),
        piece({ index: 1, id: 'call_2', function: { name: 'weather', arguments: '{"city":"Bruges"}' } }),
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

function embeddings(body: unknown): object {
  const { input } = body as { input: readonly string[] }
  const data = input.map((_text, index) => ({ object: 'embedding', index, embedding: [index, 0.5] }))
  return {
    object: 'list',
    data,
    model: 'text-embedding-3-small',
    usage: { prompt_tokens: 5, total_tokens: 5 },
  }
}

const received = (): ReceivedRequest => upstream.requests.at(-1) as ReceivedRequest
const post = (path: string, body: object) => broker.post(path, body)
const hi = { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] }

describe.each([
  ['@google/genai 3', geminiClient, /UNAVAILABLE/],
  // It reads an error among the events as an event: it notices that nothing has finished.
  ['@google/genai 1', geminiClient1, /unfinished/],
] as const)('%s on a provider of chat completions', (_name, clientAt, broken) => {
  const client = () => clientAt(broker.port) as ReturnType<typeof geminiClient>

  test('gets a plain response with the usage in Google’s arithmetic', async () => {
    const response = await client().models.generateContent({ model, contents: 'hi' })
    expect(response.text).toBe('hello')
    expect(response.candidates?.[0]?.finishReason).toBe('STOP')
    expect(response.modelVersion).toBe(model)
    expect(response.usageMetadata).toMatchObject({
      promptTokenCount: 30,
      cachedContentTokenCount: 10,
      candidatesTokenCount: 4,
      thoughtsTokenCount: 10,
      totalTokenCount: 44,
    })
  })

  test('reads a stream to its end', async () => {
    const texts: (string | undefined)[] = []
    let last
    for await (const event of await client().models.generateContentStream({ model, contents: 'hi' })) {
      texts.push(event.candidates?.[0]?.content?.parts?.[0]?.text)
      last = event
    }
    expect(texts.join('')).toBe('hello')
    expect(last).toMatchObject({
      candidates: [{ finishReason: 'STOP' }],
      usageMetadata: { candidatesTokenCount: 4, thoughtsTokenCount: 10 },
    })
  })

  test('gets parallel calls whole, in order, and sends their results back', async () => {
    const calls = []
    const stream = await client().models.generateContentStream({
      model,
      contents: 'weather',
      config: { tools },
    })
    for await (const event of stream) calls.push(...(event.functionCalls ?? []))
    expect(calls).toEqual([
      { id: 'call_1', name: 'weather', args: { city: 'Ghent' } },
      { id: 'call_2', name: 'weather', args: { city: 'Bruges' } },
    ])
    expect(received().body).toMatchObject({
      tools: [{ function: { parameters: { type: 'object', properties: { city: { type: 'string' } } } } }],
    })
    const results = calls.map(({ id, name }) => ({
      functionResponse: { id, name, response: { output: 'rain' } },
    }))
    await client().models.generateContent({
      model,
      contents: [
        ...hi.contents,
        { role: 'model', parts: calls.map((functionCall) => ({ functionCall })) },
        { role: 'user', parts: [...(results as object[]), { text: 'and now?' }] },
      ],
    })
    expect((received().body as { messages: object[] }).messages.slice(2)).toEqual([
      { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
      { role: 'tool', tool_call_id: 'call_2', content: 'rain' },
      { role: 'user', content: 'and now?' },
    ])
  })

  test('reads an error with its code, and one in a broken stream', async () => {
    const failure: unknown = await client()
      .models.generateContent({ model, contents: 'too much' })
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'ApiError', status: 400 })
    expect(String(failure)).toContain('INVALID_ARGUMENT')
    const stream = await client().models.generateContentStream({ model, contents: 'break' })
    const finish = async () => {
      let isFinished = false
      for await (const { candidates } of stream) isFinished ||= candidates?.[0]?.finishReason !== undefined
      if (!isFinished) throw new Error('unfinished')
    }
    await expect(finish()).rejects.toThrow(broken)
  })

  test('lists models, gets one, counts tokens and embeds', async () => {
    const listed = []
    for await (const each of await client().models.list({ config: { pageSize: 3 } })) listed.push(each.name)
    expect(listed).toContain(`models/${model}`)
    expect(await client().models.get({ model })).toMatchObject({ name: `models/${model}` })
    const { totalTokens } = await client().models.countTokens({ model, contents: 'hi there' })
    expect(totalTokens).toBeGreaterThan(2)
    const embedded = await client().models.embedContent({
      model: 'text-embedding-3-small',
      contents: ['a', 'b'],
    })
    expect(embedded.embeddings?.map(({ values }) => values)).toEqual([
      [0, 0.5],
      [1, 0.5],
    ])
  })
})

describe('Google’s API', () => {
  test('a stream without alt=sse is one JSON array', async () => {
    const response = await post(`/v1beta/models/${model}:streamGenerateContent`, hi)
    expect(response.headers['content-type']).toMatch(/^application\/json/)
    expect(response.json).toMatchObject([
      { candidates: [{ content: { parts: [{ text: 'hel' }] } }] },
      { candidates: [{ content: { parts: [{ text: 'lo' }] } }] },
      { candidates: [{ finishReason: 'STOP' }], usageMetadata: { totalTokenCount: 44 } },
    ])
  })

  test('an array whose stream broke ends in an error and is still JSON', async () => {
    const response = await post(`/v1beta/models/${model}:streamGenerateContent`, {
      contents: [{ parts: [{ text: 'break' }] }],
    })
    expect(response.json).toMatchObject([
      { candidates: [{}] },
      { error: { code: expect.any(Number) as number } },
    ])
  })

  test('events have neither comments nor an end mark', async () => {
    const { text } = await post(`/v1/models/${model}:streamGenerateContent?alt=sse`, hi)
    expect(text).not.toContain('[DONE]')
    expect(text.split('\r\n\r\n').every((event) => event === '' || event.startsWith('data: {'))).toBe(true)
    expect(text.endsWith('\r\n\r\n')).toBe(true)
  })

  test('a filtered response has a candidate with a part and the reason', async () => {
    const { text } = await post(`/v1/models/${model}:streamGenerateContent?alt=sse`, {
      contents: { parts: { text: 'filtered' } },
    })
    expect(JSON.parse(text.slice('data: '.length))).toMatchObject({
      candidates: [{ content: { parts: [{ text: '' }] }, finishReason: 'SAFETY' }],
    })
  })

  test('a name with a slash, plain and escaped, names the model', async () => {
    for (const name of ['openai/gpt-4o-mini', 'openai%2Fgpt-4o-mini'])
      expect(await post(`/v1beta/models/${name}:generateContent`, hi)).toMatchObject({ status: 200 })
  })

  test('fields in snake_case are read', async () => {
    await post(`/v1beta/models/${model}:generateContent`, {
      system_instruction: { parts: [{ text: 'be brief' }] },
      contents: hi.contents,
      generation_config: { max_output_tokens: 7, top_p: 0.5 },
    })
    expect(received().body).toMatchObject({
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'hi' },
      ],
      top_p: 0.5,
    })
    expect(JSON.stringify(received().body)).toMatch(/"max_(completion_)?tokens":7/)
  })

  test('a token in the query lists models in Google’s form, and is written down nowhere', async () => {
    const response = await broker.get('/v1/models?key=canary-in-the-url')
    expect(response.json).toMatchObject({ models: expect.any(Array) as unknown[] })
    await broker.get('/v1beta/models/none:such?key=canary-in-the-url')
    expect(broker.stdout() + broker.stderr()).not.toContain('canary-in-the-url')
  })

  test('/v1/models is OpenAI’s without a header of Google’s, and Anthropic’s with its version', async () => {
    expect((await broker.get('/v1/models')).json).toMatchObject({ object: 'list' })
    const headers = { 'anthropic-version': '2023-06-01' }
    expect((await broker.get('/v1/models', { headers })).json).toHaveProperty('has_more')
    expect((await broker.get('/v1beta/models')).json).toHaveProperty('models')
  })

  test.each([
    ['/v1beta/models/x:frobnicate', {}, 404, 'NOT_FOUND'],
    [`/v1beta/models/${model}:generateContent`, {}, 400, 'INVALID_ARGUMENT'],
    ['/v1beta/models/no-such-model:generateContent', hi, 404, 'NOT_FOUND'],
    [
      `/v1beta/models/${model}:generateContent`,
      { ...hi, cachedContent: 'cachedContents/x' },
      400,
      'INVALID_ARGUMENT',
    ],
  ])('%s with %j is refused in Google’s shape', async (path, body, code, status) => {
    expect(await post(path, body)).toMatchObject({ status: code, json: { error: { code, status } } })
  })

  // The last, since the key cools down after it.
  test('a provider without capacity is RESOURCE_EXHAUSTED with the time to wait', async () => {
    const response = await post(`/v1beta/models/${model}:generateContent`, {
      contents: [{ parts: [{ text: 'busy' }] }],
    })
    expect(response.json).toMatchObject({
      error: {
        code: 429,
        status: 'RESOURCE_EXHAUSTED',
        details: expect.arrayContaining([
          {
            '@type': 'type.googleapis.com/google.rpc.RetryInfo',
            retryDelay: expect.stringMatching(/^\d+s$/) as string,
          },
        ]) as object[],
      },
    })
    expect(ApiError).toBeDefined()
  })
})
