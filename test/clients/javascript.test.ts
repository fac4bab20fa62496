import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createOpenAI } from '@ai-sdk/openai'
import { ChatOpenAI } from '@langchain/openai'
import { createOpenRouter } from '@openrouter/ai-sdk-provider'
import { OpenRouter } from '@openrouter/sdk'
import { generateText, jsonSchema, streamText, tool, type ToolSet } from 'ai'
import OpenAI, { APIError, BadRequestError, NotFoundError, RateLimitError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { portTo } from '../support/port-to-socket.ts'
import { scriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder, type TempFolder } from '../support/temp-folder.ts'
import { BREAKING_MODELS, busy, BUSY_MODEL, MODEL, modelsFile, scenes } from './scenes.ts'

let folder: TempFolder
let upstream: ScriptedUpstream
let busyUpstream: ScriptedUpstream
let broker: Broker
let port: Awaited<ReturnType<typeof portTo>>
beforeAll(async () => {
  upstream = await scriptedUpstream(scenes)
  busyUpstream = await scriptedUpstream(busy)
  folder = tempFolder()
  const file = join(folder.path, 'models.yml')
  writeFileSync(file, modelsFile(upstream.baseUrl, busyUpstream.baseUrl))
  broker = await startBroker({ folder: folder.path, env: { KEY: 'test-key', MODELS_CONFIG_PATH: file } })
  port = await portTo(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  port[Symbol.dispose]()
  for (const each of [broker, busyUpstream]) await each[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const breaking = BREAKING_MODELS.values()
const nextBreaking = (): string => breaking.next().value ?? ''
const PREFIXES = ['/v1', '/api/v1'] as const
const user = (content: string) => [{ role: 'user' as const, content }]
const parameters = { type: 'object', properties: { city: { type: 'string' } } } as const
const weather = { type: 'function' as const, function: { name: 'weather', parameters } }

async function thrownBy(run: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    await run()
    return 'nothing'
  } catch (error) {
    return error
  }
}

describe.each(PREFIXES)('openai on %s', (prefix) => {
  const client = () => new OpenAI({ baseURL: port.url + prefix, apiKey: 'x', maxRetries: 0 })
  const streamOf = (content: string, extra: object = {}) =>
    client().chat.completions.stream({
      model: MODEL,
      messages: user(content),
      stream_options: { include_usage: true },
      ...extra,
    })

  test('joins a stream with its usage', async () => {
    const { choices, usage, model } = await streamOf('hello').finalChatCompletion()
    expect(choices).toMatchObject([{ message: { content: 'Hello' }, finish_reason: 'stop' }])
    expect([usage?.prompt_tokens, usage?.completion_tokens, model]).toEqual([10, 4, MODEL])
  })

  test('joins the pieces of a tool call', async () => {
    const { choices } = await streamOf('tools', { tools: [weather] }).finalChatCompletion()
    const tool_calls = [
      { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Ghent"}' } },
    ]
    expect(choices).toMatchObject([{ finish_reason: 'tool_calls', message: { tool_calls } }])
  })

  test('notices a stream that breaks', async () => {
    const error = await thrownBy(() => streamOf('hello', { model: nextBreaking() }).finalChatCompletion())
    expect(error).toBeInstanceOf(APIError)
  })

  test('throws an error of the right type', async () => {
    const missing = await thrownBy(() =>
      client().chat.completions.create({ model: 'no/such', messages: user('hello') }),
    )
    expect(missing).toBeInstanceOf(NotFoundError)
    const limited = await thrownBy(() =>
      client().chat.completions.create({ model: BUSY_MODEL, messages: user('hello') }),
    )
    expect(limited).toBeInstanceOf(RateLimitError)
    const long = await thrownBy(() =>
      client().chat.completions.create({ model: MODEL, messages: user('long') }),
    )
    expect(long).toBeInstanceOf(BadRequestError)
    if (prefix === '/v1') {
      expect(missing).toMatchObject({
        code: 'model_not_found',
        param: 'model',
        type: 'invalid_request_error',
      })
      expect(limited).toMatchObject({ code: 'rate_limit_exceeded' })
      expect(long).toMatchObject({ code: 'context_length_exceeded', message: '400 too long' })
    } else expect([missing, limited, long]).toMatchObject([{ code: 404 }, { code: 429 }, { code: 400 }])
  })
})

describe.each(PREFIXES)('@langchain/openai on %s', (prefix) => {
  const chat = (model = MODEL) =>
    new ChatOpenAI({
      model,
      apiKey: 'x',
      maxRetries: 0,
      streamUsage: true,
      configuration: { baseURL: port.url + prefix },
    })
  const joined = async (content: string, model: { stream: ChatOpenAI['stream'] } = chat()) => {
    let all: Awaited<ReturnType<ChatOpenAI['invoke']>> | undefined
    for await (const chunk of await model.stream(content)) all = all === undefined ? chunk : all.concat(chunk)
    return all
  }

  test('joins a stream with its usage, and nothing of it twice', async () => {
    const message = await joined('hello')
    expect(message?.content).toBe('Hello')
    expect(message?.response_metadata).toMatchObject({ finish_reason: 'stop', model_name: MODEL })
    expect(message?.usage_metadata).toMatchObject({ input_tokens: 10, output_tokens: 4, total_tokens: 14 })
  })

  test('joins the pieces of a tool call', async () => {
    const message = await joined('tools', chat().bindTools([weather]))
    expect(message?.tool_calls).toMatchObject([{ id: 'call_1', name: 'weather', args: { city: 'Ghent' } }])
    expect(message?.response_metadata).toMatchObject({ finish_reason: 'tool_calls' })
  })

  test('notices a stream that breaks, and throws errors with their status', async () => {
    expect(await thrownBy(() => joined('hello', chat(nextBreaking())))).toBeInstanceOf(Error)
    expect(await thrownBy(() => chat(BUSY_MODEL).invoke('hello'))).toMatchObject({ status: 429 })
  })
})

describe.each([
  '@ai-sdk/openai on /v1',
  '@ai-sdk/openai on /api/v1',
  '@openrouter/ai-sdk-provider on /api/v1',
])('%s', (name) => {
  const [library, , prefix = ''] = name.split(' ')
  const options = () => ({ baseURL: port.url + prefix, apiKey: 'x' })
  const model = (id = MODEL) =>
    library === '@ai-sdk/openai' ? createOpenAI(options()).chat(id) : createOpenRouter(options())(id)
  const request = (prompt: string, id = MODEL) => ({
    model: model(id),
    prompt,
    maxRetries: 0,
    onError: () => undefined,
  })

  test('joins a stream with its usage', async () => {
    const streamed = streamText(request('hello'))
    expect(await streamed.text).toBe('Hello')
    expect(await streamed.finishReason).toBe('stop')
    expect(await streamed.usage).toMatchObject({ inputTokens: 10, outputTokens: 4 })
  })

  test('joins the pieces of a tool call', async () => {
    const tools: ToolSet = { weather: tool({ inputSchema: jsonSchema<{ city: string }>(parameters) }) }
    const streamed = streamText({ ...request('tools'), tools })
    expect(await streamed.toolCalls).toMatchObject([{ toolName: 'weather', input: { city: 'Ghent' } }])
    expect(await streamed.finishReason).toBe('tool-calls')
  })

  // This library knows no error inside a chunk, which is how OpenRouter has it; there the reason is not that of a whole one.
  const isForeign = name === '@ai-sdk/openai on /api/v1'
  test('notices a stream that breaks', async () => {
    const parts: string[] = []
    const streamed = streamText(request('hello', nextBreaking()))
    for await (const { type } of streamed.fullStream) parts.push(type)
    if (isForeign) expect(await streamed.finishReason).toBe('other')
    else expect(parts).toContain('error')
  })

  test('throws errors with their status and message', async () => {
    const error = await thrownBy(() => generateText({ model: model(), prompt: 'long', maxRetries: 0 }))
    expect(error).toMatchObject({ statusCode: 400, message: expect.stringContaining('too long') as string })
  })
})

describe('@openrouter/sdk on /api/v1', () => {
  const client = () =>
    new OpenRouter({ apiKey: 'x', serverURL: `${port.url}/api/v1`, retryConfig: { strategy: 'none' } })
  const joined = async (model: string) => {
    const stream = await client().chat.send({
      chatRequest: { model, messages: user('hello'), stream: true },
    })
    if ('choices' in stream) throw new Error('no stream')
    const [texts, ends, tokens]: [string[], string[], number[]] = [[], [], []]
    for await (const { choices, usage, error } of stream) {
      if (error !== undefined) throw new Error(error.message)
      texts.push(choices[0]?.delta.content ?? '')
      ends.push(...choices.flatMap(({ finishReason }) => finishReason ?? []).map(String))
      if (usage !== undefined) tokens.push(usage.totalTokens)
    }
    return { text: texts.join(''), ends, tokens }
  }

  test('joins a stream with its usage, and notices one that breaks', async () => {
    expect(await joined(MODEL)).toEqual({ text: 'Hello', ends: ['stop'], tokens: [14] })
    expect(await thrownBy(() => joined(nextBreaking()))).toBeInstanceOf(Error)
  })

  test('joins the pieces of a tool call', async () => {
    const chatRequest = { model: MODEL, messages: user('tools'), tools: [weather], stream: true as const }
    const stream = await client().chat.send({ chatRequest })
    if ('choices' in stream) throw new Error('no stream')
    let call = ''
    const ends: string[] = []
    for await (const { choices } of stream) {
      for (const { id, function: piece } of choices[0]?.delta.toolCalls ?? [])
        call += `${id ?? ''}${piece?.name ?? ''}${piece?.arguments ?? ''}`
      ends.push(...choices.flatMap(({ finishReason }) => finishReason ?? []).map(String))
    }
    expect([call, ends]).toEqual(['call_1weather{"city":"Ghent"}', ['tool_calls']])
  })

  test('reads plain responses and throws errors of the right type', async () => {
    const send = (model: string) =>
      client().chat.send({ chatRequest: { model, messages: user('hello'), stream: false } })
    expect(await send(MODEL)).toMatchObject({
      choices: [{ message: { content: 'Hello' } }],
      systemFingerprint: null,
    })
    expect(await thrownBy(() => send(BUSY_MODEL))).toMatchObject({ statusCode: 429 })
  })
})
