import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anthropicClient } from '../support/anthropic-client.ts'
import { geminiClient } from '../support/gemini-client.ts'
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

const model = 'gemini-3.1-pro'
const SIGNATURE = 'U0lHTkVEK2J5L2dvb2dsZQ=='
const USAGE = {
  promptTokenCount: 1000,
  cachedContentTokenCount: 400,
  candidatesTokenCount: 50,
  thoughtsTokenCount: 30,
  totalTokenCount: 1080,
}
/** Past 200,000 tokens of the prompt every price is another. */
const LONG = { ...USAGE, promptTokenCount: 250_000, totalTokenCount: 250_080 }

const event = (data: object): string =>
  `data: ${JSON.stringify({ responseId: 'up-1', modelVersion: 'gemini-3.1-pro-preview', ...data })}\r\n\r\n`
const parts = (...all: readonly object[]): string =>
  event({ candidates: [{ content: { role: 'model', parts: all }, index: 0 }] })
const end = (...all: readonly object[]): string =>
  event({
    candidates: [{ content: { role: 'model', parts: all }, finishReason: 'STOP', index: 0 }],
    usageMetadata: USAGE,
  })
const THOUGHT = parts({ text: 'hm', thought: true })
const CALL = parts(
  { functionCall: { name: 'weather', args: { city: 'Ghent' } }, thoughtSignature: SIGNATURE },
  { functionCall: { name: 'weather', args: { city: 'Bruges' } } },
)

let upstream: ScriptedUpstream
let broker: Broker
let chat: ReturnType<typeof openaiClient>
let messages: ReturnType<typeof anthropicClient>
beforeAll(async () => {
  upstream = await scriptedUpstream(scenes)
  broker = await startBroker({
    env: {
      GEMINI_API_KEYS: 'AIza-canary,AIza-canary-2,AIza-canary-3',
      AIBROKER_GEMINI_URL: upstream.baseUrl,
    },
    args: ['--address', '127.0.0.1', '--port', '0'],
  })
  chat = openaiClient(broker.sockets.rest)
  messages = anthropicClient(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  for (const open of [messages, chat, broker, upstream]) await open[Symbol.asyncDispose]()
})

function scenes({ body, path }: ReceivedRequest): readonly Step[] {
  const { contents } = body as { contents: readonly object[] }
  const last = JSON.stringify(contents.at(-1))
  if (last.includes('break')) return [raw(THOUGHT + parts({ text: 'half' })), cut]
  if (last.includes('distrust') && JSON.stringify(body).includes(SIGNATURE))
    return [
      json(400, {
        error: { code: 400, message: 'Thought signature is not valid', status: 'INVALID_ARGUMENT' },
      }),
    ]
  if (last.includes('blocked'))
    return [json(200, { promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 9 } })]
  if (last.includes('malformed'))
    return [json(200, { candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL', index: 0 }] })]
  if (last.includes('weather') && path.includes(':stream')) return [raw(THOUGHT + CALL + end({ text: '' }))]
  if (path.includes(':streamGenerateContent'))
    return [raw(THOUGHT + parts({ text: 'hel' }) + end({ text: 'lo', thoughtSignature: SIGNATURE }))]
  const content = { role: 'model', parts: [{ text: 'hm', thought: true }, { text: 'hello' }] }
  const usageMetadata = last.includes('long') ? LONG : USAGE
  return [
    json(200, {
      responseId: 'up-1',
      candidates: [{ content, finishReason: 'STOP', index: 0 }],
      usageMetadata,
    }),
  ]
}

const received = (): ReceivedRequest => upstream.requests.at(-1) as ReceivedRequest
const gemini = () => geminiClient(broker.port)
const ask = (content: string) => ({ model, messages: [{ role: 'user' as const, content }] })
const TOOL = { name: 'weather', parameters: { type: 'object', properties: {} } }
/** A million tokens cost this much at $2, 0.2 (cached) and 12; past 200,000 at 4, 0.4 and 18: in nano-dollars a token. */
const COST = 600 * 2000 + 400 * 200 + 80 * 12_000
const LONG_COST = (250_000 - 400) * 4000 + 400 * 400 + 80 * 18_000

describe('a provider that speaks Google’s protocol', () => {
  test('serves a chat, with thoughts in the completion and cached tokens at their price', async () => {
    const response = await chat.chat.completions.create({
      model,
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'hi' },
      ],
      max_tokens: 500,
      reasoning_effort: 'high',
    })
    expect(response.choices[0]?.message).toMatchObject({ content: 'hello', reasoning: 'hm' })
    expect(response.usage).toMatchObject({
      prompt_tokens: 1000,
      completion_tokens: 80,
      completion_tokens_details: { reasoning_tokens: 30 },
      cost: COST / 1e9,
    })
    expect(received()).toMatchObject({
      path: '/v1/models/gemini-3.1-pro-preview:generateContent',
      headers: { 'x-goog-api-key': expect.stringContaining('AIza-canary') as string },
      body: {
        systemInstruction: { parts: [{ text: 'be brief' }] },
        contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
        generationConfig: {
          maxOutputTokens: 500,
          thinkingConfig: { thinkingLevel: 'HIGH', includeThoughts: true },
        },
      },
    })
    expect(received().headers).not.toHaveProperty('authorization')
  })

  test('a prompt past 200,000 tokens costs what Google charges there', async () => {
    const response = await chat.chat.completions.create(ask('long'))
    expect(response.usage).toMatchObject({ cost: LONG_COST / 1e9 })
  })

  test('streams thoughts, text and parallel calls without ids to a client of chat completions', async () => {
    const stream = chat.chat.completions.stream({
      ...ask('weather'),
      tools: [{ type: 'function', function: TOOL }],
    })
    const { choices, usage } = await stream.finalChatCompletion()
    const calls = choices[0]?.message.tool_calls ?? []
    expect(choices[0]?.finish_reason).toBe('tool_calls')
    expect(calls.map((call) => 'function' in call && call.function.arguments)).toEqual([
      '{"city":"Ghent"}',
      '{"city":"Bruges"}',
    ])
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2)
    expect(usage).toMatchObject({ completion_tokens: 80 })
  })

  test('a signature goes through Anthropic’s client and back to the call that it was made for', async () => {
    const first = await messages.messages
      .stream({
        ...ask('weather'),
        max_tokens: 2000,
        tools: [{ name: 'weather', input_schema: { type: 'object' } }],
      })
      .finalMessage()
    const calls = first.content.filter(({ type }) => type === 'tool_use')
    expect(calls).toHaveLength(2)
    expect(JSON.stringify(first)).toContain('aib1.')
    await messages.messages.create({
      ...ask('weather'),
      max_tokens: 2000,
      messages: [
        { role: 'user', content: 'weather' },
        { role: 'assistant', content: first.content },
        {
          role: 'user',
          content: calls.map((call) => ({
            type: 'tool_result',
            tool_use_id: 'id' in call ? call.id : '',
            content: 'rain',
          })) as never,
        },
      ],
    })
    const { contents } = received().body as { contents: readonly { parts: readonly object[] }[] }
    expect(contents[1]?.parts).toMatchObject([
      { functionCall: { args: { city: 'Ghent' } }, thoughtSignature: SIGNATURE },
      { functionCall: { args: { city: 'Bruges' } } },
    ])
    expect(contents[1]?.parts[1]).not.toHaveProperty('thoughtSignature')
    expect(contents[2]?.parts).toMatchObject([
      { functionResponse: { name: 'weather', response: { output: 'rain' } } },
      { functionResponse: { name: 'weather', response: { output: 'rain' } } },
    ])
  })

  test('the request of a client of Google’s passes byte for byte, and its signatures come back sealed', async () => {
    const body = '{"contents":[{"role":"user","parts":[{"text":"hi"}]}],  "safetySettings":[]}'
    const response = await broker.post(
      `/v1beta/models/${model}:streamGenerateContent?alt=sse`,
      JSON.parse(body),
      {
        body,
      },
    )
    expect(response.status).toBe(200)
    expect(received().raw.toString()).toBe(body)
    expect(response.text).not.toContain(SIGNATURE)
    const events = response.text.split('\r\n\r\n').filter((text) => text !== '')
    expect(events).toHaveLength(3)
    expect(JSON.parse(events[2]?.slice(6) ?? '')).toMatchObject({
      modelVersion: model,
      usageMetadata: USAGE,
      candidates: [{ finishReason: 'STOP' }],
    })
  })

  test('a client of Google’s sends its signatures back, and they are opened', async () => {
    const first = await gemini().models.generateContentStream({
      model,
      contents: 'weather',
      config: { tools: [{ functionDeclarations: [{ name: 'weather' }] }] },
    })
    const parts = []
    for await (const { candidates } of first) parts.push(...(candidates?.[0]?.content?.parts ?? []))
    const calls = parts.filter(({ functionCall }) => functionCall !== undefined)
    await gemini().models.generateContent({
      model,
      contents: [
        { role: 'user', parts: [{ text: 'weather' }] },
        { role: 'model', parts: calls },
        {
          role: 'user',
          parts: calls.map(() => ({ functionResponse: { name: 'weather', response: { output: 'rain' } } })),
        },
      ],
    })
    expect(JSON.stringify(received().body)).toContain(SIGNATURE)
  })

  /** What a client of Google's sends after one answer with a signature. */
  async function signedTurn(text: string): Promise<object> {
    const response = await broker.post(`/v1beta/models/${model}:streamGenerateContent`, {
      contents: [{ role: 'user', parts: [{ text: 'weather' }] }],
    })
    const events = response.json as { candidates: { content: { parts: { functionCall?: object }[] } }[] }[]
    const calls = events
      .flatMap(({ candidates }) => candidates[0]?.content.parts ?? [])
      .filter(({ functionCall }) => functionCall)
    const results = calls.map(() => ({ functionResponse: { name: 'weather', response: { output: text } } }))
    return {
      contents: [
        { role: 'user', parts: [{ text: 'weather' }] },
        { role: 'model', parts: calls },
        { role: 'user', parts: results },
      ],
    }
  }

  test('a conversation with signatures stays with the key that made them', async () => {
    for (let turn = 0; turn < 6; turn++) {
      const body = await signedTurn('rain')
      const { 'x-goog-api-key': maker } = received().headers
      await broker.post(`/v1beta/models/${model}:generateContent`, body)
      expect(received().headers['x-goog-api-key']).toBe(maker)
      expect(JSON.stringify(received().body)).toContain(SIGNATURE)
    }
  })

  test('a request whose signatures are refused is sent once more without them, which is said', async () => {
    const body = await signedTurn('distrust')
    const before = upstream.requests.length
    const response = await broker.post(`/v1beta/models/${model}:generateContent`, body)
    expect(response.status).toBe(200)
    expect(response.headers['x-aibroker-left-out']).toBe('thoughtSignature')
    expect(upstream.requests.length - before).toBe(2)
    expect(JSON.stringify(received().body)).not.toContain(SIGNATURE)
  })

  test('a signature of another key is left out by name, and the call passes without a check', async () => {
    const forged = Buffer.from('aib1.0123456789abcdef.stolen').toString('base64')
    const response = await broker.post(`/v1beta/models/${model}:generateContent`, {
      contents: [
        { role: 'user', parts: [{ text: 'hi' }] },
        { role: 'model', parts: [{ functionCall: { name: 'look', args: {} }, thoughtSignature: forged }] },
        { role: 'user', parts: [{ functionResponse: { name: 'look', response: { output: 'x' } } }] },
      ],
    })
    expect(response.headers['x-aibroker-left-out']).toBe('thoughtSignature')
    expect(received().body).toMatchObject({
      contents: [{}, { parts: [{ thoughtSignature: 'skip_thought_signature_validator' }] }, {}],
    })
  })

  test('a stream that breaks off ends in an error', async () => {
    const stream = await chat.chat.completions.create({ ...ask('break'), stream: true })
    const read = (async () => {
      for await (const _chunk of stream);
    })()
    await expect(read).rejects.toThrow('in the middle of its response')
  })

  test('a blocked prompt is a filtered response', async () => {
    const response = await chat.chat.completions.create(ask('blocked'))
    expect(response.choices[0]).toMatchObject({ finish_reason: 'content_filter' })
  })

  test('a malformed call is a failure of the provider', async () => {
    await expect(chat.chat.completions.create(ask('malformed'))).rejects.toThrow(/MALFORMED_FUNCTION_CALL/)
  })

  test('what has prices of its own is not passed on', async () => {
    const response = await broker.post(`/v1beta/models/${model}:generateContent`, {
      contents: [{ parts: [{ text: 'hi' }] }],
      tools: [{ googleSearch: {} }, { codeExecution: {} }],
      serviceTier: 'priority',
    })
    expect(response.headers['x-aibroker-left-out']).toBe('googleSearch, serviceTier')
    expect(received().body).toEqual({
      contents: [{ parts: [{ text: 'hi' }] }],
      tools: [{ codeExecution: {} }],
    })
  })

  test('the key is in no response and in no output', async () => {
    expect(broker.stdout() + broker.stderr()).not.toContain('AIza-canary')
  })
})
