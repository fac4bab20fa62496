import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventsOf, schemaErrorsOf } from '../support/openrouter-schema.ts'
import { groqAt, openaiAt, openrouterAt } from '../support/providers-env.ts'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  json,
  scriptedUpstream,
  sse,
  usageChunk,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const USAGE = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 }

const script: Script = ({ path, body }) => {
  const { stream, input, model: request } = body as { stream?: boolean; input?: unknown; model?: string }
  if (path.endsWith('/embeddings'))
    return [json(200, { data: [{ index: 0, embedding: [Number(input)] }], usage: USAGE })]
  if (request === 'gpt-4o') return [sse(chatChunk('hi')), cut]
  if (request === 'gpt-4.1') return [json(400, { error: { message: 'no' } })]
  if (stream === true) return [sse(chatChunk('hi'), finishChunk(), usageChunk(USAGE), done)]
  const choices = [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }]
  return [
    json(200, { object: 'chat.completion', created: 1, service_tier: 'default', choices, usage: USAGE }),
  ]
}

let openai: ScriptedUpstream
let groq: ScriptedUpstream
let router: ScriptedUpstream
let broker: Broker
beforeAll(async () => {
  ;[openai, groq, router] = await Promise.all([
    scriptedUpstream(script),
    scriptedUpstream([json(429, { error: { message: 'busy' } })]),
    scriptedUpstream(script),
  ])
  broker = await startBroker({ env: { ...openaiAt(openai), ...groqAt(groq), ...openrouterAt(router) } })
}, 30_000)
afterAll(async () => {
  for (const open of [broker, openai, groq, router]) await open[Symbol.asyncDispose]()
})

const messages = [{ role: 'user', content: 'hi' }]
const model = 'gpt-4o-mini'
const wants = { 'X-OpenRouter-Metadata': 'Enabled' }
const direct = { only: ['openai'] }

describe('openrouter_metadata', () => {
  test('reports how a request was routed, in OpenRouter’s format', async () => {
    const { json: body } = await broker.post(
      '/api/v1/chat/completions',
      { model, messages },
      { headers: wants },
    )
    expect(schemaErrorsOf('POST /chat/completions application/json', body)).toEqual([])
    expect(body).toMatchObject({
      openrouter_metadata: {
        requested: model,
        strategy: 'direct',
        region: null,
        summary: 'available=2, selected=OpenAI',
        attempt: 1,
        is_byok: false,
        endpoints: {
          total: 2,
          available: [
            { provider: 'OpenAI', model, selected: true },
            { provider: 'OpenRouter', model, selected: false },
          ],
        },
        attempts: [{ provider: 'OpenAI', model, status: 200 }],
      },
    })
  })

  test('names the failed attempts and the model that took over', async () => {
    const { json: body } = await broker.post(
      '/api/v1/chat/completions',
      { models: ['llama-3.3-70b', model], messages, provider: { ignore: ['openrouter'] } },
      { headers: { 'X-OpenRouter-Experimental-Metadata': 'enabled' } },
    )
    expect(body).toMatchObject({
      openrouter_metadata: {
        requested: 'llama-3.3-70b',
        strategy: 'fallback',
        attempt: 2,
        attempts: [
          { provider: 'Groq', model: 'llama-3.3-70b', status: 429 },
          { provider: 'OpenAI', model, status: 200 },
        ],
      },
    })
  })

  test('is in the last chunk of a stream', async () => {
    const request = { model, messages, stream: true, provider: direct }
    const { text } = await broker.post('/api/v1/chat/completions', request, { headers: wants })
    const events = eventsOf(text)
    expect(events.map((event) => 'openrouter_metadata' in event)).toEqual([false, false, true])
    expect(schemaErrorsOf('POST /chat/completions text/event-stream', { data: events.at(-1) })).toEqual([])
  })

  test.each([
    ['/api/v1/completions', { model, prompt: 'hi', provider: direct }],
    ['/api/v1/embeddings', { model: 'text-embedding-3-small', input: '1', provider: direct }],
  ])('is in the response of %s, too', async (path, request) => {
    const { json: body } = await broker.post(path, request, { headers: wants })
    expect(body).toMatchObject({ openrouter_metadata: { attempt: 1 } })
  })

  test('is beside the error when all attempts have failed', async () => {
    const request = { model: 'gpt-4.1', messages, provider: direct }
    const { status, json: body } = await broker.post('/api/v1/chat/completions', request, { headers: wants })
    expect(status).toBe(400)
    expect(schemaErrorsOf('error 404', body)).toEqual([])
    expect(body).toMatchObject({
      error: { code: 400 },
      openrouter_metadata: {
        requested: 'gpt-4.1',
        strategy: 'direct',
        region: null,
        summary: 'available=1, selected=none',
        attempt: 1,
        is_byok: false,
        endpoints: { total: 1, available: [{ provider: 'OpenAI', model: 'gpt-4.1', selected: false }] },
        attempts: [{ provider: 'OpenAI', model: 'gpt-4.1', status: 400 }],
      },
    })
  })

  test('is beside the error in a stream that broke off', async () => {
    const request = { model: 'gpt-4o', messages, stream: true, provider: direct }
    const { text } = await broker.post('/api/v1/chat/completions', request, { headers: wants })
    const last = eventsOf(text).at(-1)
    expect(last).toMatchObject({
      error: { code: 502 },
      openrouter_metadata: {
        requested: 'gpt-4o',
        endpoints: { available: [{ provider: 'OpenAI', selected: false }] },
      },
    })
    expect(schemaErrorsOf('POST /chat/completions text/event-stream', { data: last })).toEqual([])
  })

  test.each([
    [
      '/api/v1/chat/completions',
      { model, messages, provider: { only: ['azure'], max_price: { prompt: 0 } } },
    ],
    ['/api/v1/completions', { model: 'no-such', prompt: 'hi' }],
    ['/api/v1/embeddings', { model: 'no-such', input: 'hi' }],
  ])('reports at %s that there was no attempt', async (path, request) => {
    const { status, json: body } = await broker.post(path, request, { headers: wants })
    expect(status).toBe(404)
    expect(body).toMatchObject({
      openrouter_metadata: {
        requested: request.model,
        attempt: 0,
        region: null,
        endpoints: { total: 0, available: [] },
      },
    })
    expect((await broker.post(path, request)).json).not.toHaveProperty('openrouter_metadata')
  })

  test.each([{}, { 'X-OpenRouter-Metadata': 'disabled' }, { 'X-OpenRouter-Metadata': 'yes' }])(
    'is only sent if the request asks for it (%j)',
    async (headers) => {
      const { json: body } = await broker.post('/api/v1/chat/completions', { model, messages }, { headers })
      expect(body).not.toHaveProperty('openrouter_metadata')
    },
  )
})

describe('headers that steer OpenRouter', () => {
  const steering = {
    'x-session-id': 'conversation-1',
    'x-openrouter-metadata': 'enabled',
    'x-openrouter-categories': 'cli-agent',
    'x-anthropic-beta': 'interleaved-thinking-2025-05-14',
  }
  const secret = {
    cookie: 'a=b',
    'x-provider-api-keys': '{"openai":"sk-canary"}',
    'x-forwarded-for': '10.0.0.7',
  }

  test('are passed on to OpenRouter, and headers that identify the caller are not', async () => {
    const request = { model, messages, provider: { only: ['openrouter'] } }
    await broker.post('/api/v1/chat/completions', request, { headers: { ...steering, ...secret } })
    const sent = router.requests.at(-1)?.headers ?? {}
    expect(sent).toMatchObject(steering)
    expect(Object.keys(secret).filter((name) => name in sent)).toEqual([])
  })

  test('are not sent to other providers', async () => {
    await broker.post(
      '/api/v1/chat/completions',
      { model, messages, provider: direct },
      { headers: steering },
    )
    const sent = openai.requests.at(-1)?.headers ?? {}
    expect(Object.keys(steering).filter((name) => name in sent)).toEqual([])
  })
})

describe('a service tier', () => {
  test.each(['flex', 'priority', 'auto'])(
    '%s is not sent to a provider whose price is known for the default tier only, and the response names the tier',
    async (service_tier) => {
      const { json: body } = await broker.post('/api/v1/chat/completions', {
        model,
        messages,
        service_tier,
        provider: direct,
      })
      expect(openai.requests.at(-1)?.body).not.toHaveProperty('service_tier')
      expect(body).toMatchObject({ service_tier: 'default' })
    },
  )

  test('is passed on to OpenRouter', async () => {
    await broker.post('/api/v1/chat/completions', {
      model,
      messages,
      service_tier: 'flex',
      provider: { only: ['openrouter'] },
    })
    expect(router.requests.at(-1)?.body).toMatchObject({ service_tier: 'flex' })
  })
})
