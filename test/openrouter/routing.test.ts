import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { schemaErrorsOf } from '../support/openrouter-schema.ts'
import { groqAt, openaiAt, openrouterAt } from '../support/providers-env.ts'
import {
  json,
  raw,
  scriptedUpstream,
  type ReceivedRequest,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const USAGE = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 }
/** A response of OpenRouter with a space and an unknown field, which must pass through as it is. */
const VERBATIM =
  '{"id": "gen-1-theirs", "object":"chat.completion", "provider":"DeepInfra","novel":true,"model":"acme/one","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"cost":0.0000123}}'

const plain: Script = ({ body }) => {
  const { messages } = body as { messages: { content: string }[] }
  if (String(messages.at(-1)?.content).includes('too much'))
    return [json(400, { error: { message: 'context too long' } })]
  const choices = [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }]
  return [json(200, { id: 'x', object: 'chat.completion', created: 1, choices, usage: USAGE })]
}

let openai: ScriptedUpstream
let groq: ScriptedUpstream
let router: ScriptedUpstream
let broker: Broker
beforeAll(async () => {
  ;[openai, groq, router] = await Promise.all([
    scriptedUpstream(plain),
    scriptedUpstream(plain),
    scriptedUpstream([
      (response) => response.writeHead(200, { 'content-type': 'application/json' }),
      raw(VERBATIM),
    ]),
  ])
  broker = await startBroker({ env: { ...openaiAt(openai), ...groqAt(groq), ...openrouterAt(router) } })
}, 30_000)
afterAll(async () => {
  for (const open of [broker, openai, groq, router]) await open[Symbol.asyncDispose]()
})

const messages = [{ role: 'user', content: 'hi' }]
/** Offered by Groq itself and by OpenRouter. */
const shared = 'llama-3.3-70b'

const ask = (body: object) => broker.post('/api/v1/chat/completions', { messages, ...body })
const explain = async (body: object) => {
  const { json: parsed } = await broker.post('/api/v1/explain', { messages, ...body })
  return parsed as {
    candidates: { endpoint: string }[]
    excluded: { endpoint: string; step: string; reason: string }[]
    error?: { message: string }
  }
}
const bodyOf = (request: ReceivedRequest | undefined) => request?.body as Record<string, unknown>

describe('a pinned provider', () => {
  test('that has the model here is called directly', async () => {
    const { json: body } = await ask({ model: shared, provider: { only: ['groq'] } })
    expect(body).toMatchObject({ provider: 'Groq' })
    const { candidates, excluded } = await explain({ model: shared, provider: { only: ['groq'] } })
    expect(candidates.map(({ endpoint }) => endpoint.split('/')[0])).toEqual(['groq'])
    expect(excluded).toContainEqual(
      expect.objectContaining({
        step: 'Filter by Allowed Providers',
        endpoint: expect.stringMatching(/^openrouter/),
      }),
    )
  })

  test('that only OpenRouter has is called through OpenRouter, with the preferences passed on', async () => {
    const provider = { only: ['deepinfra'], allow_fallbacks: false }
    const { text } = await ask({ model: shared, provider, models: [], route: 'fallback' })
    expect(text).toBe(VERBATIM)
    const sent = bodyOf(router.requests.at(-1))
    expect(sent).toMatchObject({ provider })
    expect(sent).not.toHaveProperty('models')
    expect(sent).not.toHaveProperty('route')
  })

  test('that is OpenRouter itself gets the request without its own name in the preferences', async () => {
    await ask({ model: shared, provider: { order: ['openrouter', 'deepinfra'] } })
    expect(bodyOf(router.requests.at(-1))).toMatchObject({ provider: { order: ['deepinfra'] } })
  })
})

describe('a response of OpenRouter', () => {
  test('is returned byte by byte, booked at what it charged, and found under its own id', async () => {
    const { text, headers } = await ask({ model: shared, provider: { only: ['openrouter'] } })
    expect(text).toBe(VERBATIM)
    expect(headers['x-aibroker-tried']).toBe('openrouter/meta-llama/llama-3.3-70b-instruct')
    const { json: body } = await broker.get('/api/v1/generation?id=gen-1-theirs')
    const row = broker.rows().find(({ id }) => id === headers['x-generation-id'])
    expect(row).toMatchObject({ cost_nano: 12_300, prompt_tokens: 10 })
    expect(body).toMatchObject({
      data: { id: 'gen-1-theirs', total_cost: 0.0000123, provider_name: 'OpenRouter' },
    })
  })

  test('is requested with the app’s name and address', async () => {
    const { headers } = await broker.post(
      '/api/v1/chat/completions',
      { messages, model: shared, provider: { only: ['openrouter'] } },
      { headers: { 'http-referer': 'https://app.example', 'x-openrouter-title': 'App' } },
    )
    expect(router.requests.at(-1)?.headers).toMatchObject({
      'http-referer': 'https://app.example',
      'x-title': 'App',
      'x-openrouter-title': 'App',
    })
    const { json: booked } = await broker.get(`/api/v1/generation?id=${String(headers['x-generation-id'])}`)
    expect(booked).toMatchObject({
      data: { http_referer: 'https://app.example', x_aibroker: { title: 'App' } },
    })
  })
})

describe('the order of endpoints', () => {
  const order = async (body: object) =>
    (await explain({ model: shared, ...body })).candidates.map(({ endpoint }) => endpoint.split('/')[0])

  test('is the caller’s, then the default one', async () => {
    const usual = await order({})
    expect(usual).toEqual(expect.arrayContaining(['groq', 'openrouter']))
    expect(await order({ provider: { order: ['openrouter'] } })).toEqual([
      'openrouter',
      ...usual.filter((name) => name !== 'openrouter'),
    ])
  })

  test('ends after the named ones when fallbacks are off, and after the first when none is named', async () => {
    expect(await order({ provider: { order: ['groq'], allow_fallbacks: false } })).toEqual(['groq'])
    expect(await order({ provider: { allow_fallbacks: false } })).toHaveLength(1)
  })

  test('leaves out ignored providers', async () => {
    expect(await order({ provider: { ignore: ['groq'] } })).not.toContain('groq')
  })

  test.each([{ provider: { sort: 'price' } }, { provider: { sort: { by: 'price' } } }, { provider: null }])(
    'follows %j',
    async (body) => expect((await order(body)).length).toBeGreaterThan(1),
  )

  test('has each endpoint once when a model is named twice', async () => {
    const usual = await order({})
    expect(await order({ models: [shared, `meta-llama/${shared}-instruct`] })).toEqual(usual)
  })

  test('follows the order of several models', async () => {
    const { candidates } = await explain({
      models: ['gpt-4o-mini', shared],
      provider: { ignore: ['openrouter'] },
    })
    expect(candidates.map(({ endpoint }) => endpoint.split('/')[0])).toEqual(['openai', 'groq'])
  })
})

test('a model that refuses falls back to the next of the list, and the response names the attempts', async () => {
  const { json: body } = await broker.post('/api/v1/chat/completions', {
    models: ['gpt-4o-mini', shared],
    route: 'fallback',
    messages: [{ role: 'user', content: 'too much' }],
    provider: { only: ['openai', 'groq'] },
  })
  // Both refuse here: the caller gets the last error, and the earlier one is among the attempts.
  expect(body).toMatchObject({
    error: {
      code: 400,
      metadata: { provider_name: 'Groq', previous_errors: [{ code: 400, provider_name: 'OpenAI' }] },
    },
  })
  expect(schemaErrorsOf('error 400', body)).toEqual([])
})

describe('a 404 names the constraint that left no endpoint', () => {
  test.each([
    [
      { max_price: { prompt: 0.000001 } },
      'Filter by Max Price',
      'No endpoints found that satisfy the max price for this request',
    ],
    [{ max_price: { prompt: '0.000001' } }, 'Filter by Max Price', 'satisfy the max price'],
    [{ only: ['openai'], ignore: ['openrouter'] }, 'Filter by Ignored Providers', 'ignored'],
    [
      { zdr: true, ignore: ['openrouter'] },
      'Filter by Data Policy',
      'No endpoints found matching your data policy',
    ],
    [{ quantizations: ['fp8'], ignore: ['openrouter'] }, 'Filter by Quantization', 'fp8'],
  ])('%j', async (provider, step, message) => {
    const { status, json: body } = await ask({ model: shared, provider })
    expect([status, schemaErrorsOf('error 404', body)]).toEqual([404, []])
    const { error } = body as { error: { message: string; metadata: Record<string, unknown> } }
    expect(error.message).toContain(message)
    expect(error.metadata).toMatchObject({
      failed_routing_step: step,
      routing_funnel: expect.arrayContaining([
        { step: 'Initial Endpoints', endpoint_count: expect.any(Number) },
      ]),
    })
  })

  test('images for a model without image input', async () => {
    const content = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }]
    const { status, json: body } = await ask({ model: shared, messages: [{ role: 'user', content }] })
    expect(status).toBe(404)
    expect(body).toMatchObject({ error: { message: 'No endpoints found that support image input' } })
  })
})

describe('a feature that no provider here has is refused, not dropped', () => {
  test.each([
    [{ plugins: [{ id: 'web' }] }, 'the plugin “web”'],
    [{ transforms: ['inside-out'] }, 'there is no transform “inside-out”'],
    [{ plugins: [{ id: 'response-healing' }] }, 'anything but a plain answer in JSON'],
    [{ tools: [{ type: 'openrouter:web_search' }] }, 'the tool “openrouter:web_search”'],
    [{ plugins: [{ id: 'unheard-of' }] }, 'there is no plugin “unheard-of”'],
    [{ provider: { order: 'groq' } }, 'the field “provider.order” should be a list, but is a text'],
    [{ reasoning: { effort: 'low' }, reasoning_effort: 'high' }, 'contradict'],
  ])('%j', async (extra, message) => {
    const provider = 'provider' in extra ? extra.provider : { ignore: ['openrouter'] }
    const { status, json: body } = await ask({ model: shared, ...extra, provider })
    expect([status, schemaErrorsOf('error 400', body)]).toEqual([400, []])
    expect((body as { error: { message: string } }).error.message).toContain(message)
  })

  test('but is passed on to OpenRouter, which has it', async () => {
    await ask({ model: shared, plugins: [{ id: 'web' }] })
    expect(bodyOf(router.requests.at(-1))).toMatchObject({ plugins: [{ id: 'web' }] })
  })
})

describe('the model suffix', () => {
  test.each(['nitro', 'floor', 'exacto'])(
    ':%s is understood here and passed on to OpenRouter',
    async (suffix) => {
      const { json: here } = await ask({ model: `${shared}:${suffix}`, provider: { only: ['groq'] } })
      expect(here).toMatchObject({ provider: 'Groq', model: shared })
      await ask({ model: `${shared}:${suffix}`, provider: { only: ['openrouter'] } })
      expect(String(bodyOf(router.requests.at(-1))['model'])).toMatch(new RegExp(`:${suffix}$`))
    },
  )

  test(':thinking turns on reasoning for a model that can reason, and is refused for another', async () => {
    const reasoner = 'gpt-5.6-luna'
    await ask({ model: `${reasoner}:thinking`, provider: { only: ['openai'] } })
    expect(bodyOf(openai.requests.at(-1))).toMatchObject({ reasoning_effort: 'medium' })
    await ask({
      model: `${reasoner}:thinking`,
      provider: { only: ['openai'] },
      reasoning: { effort: 'high' },
    })
    expect(bodyOf(openai.requests.at(-1))).toMatchObject({ reasoning_effort: 'high' })
    await ask({ model: reasoner, provider: { only: ['openai'] } })
    expect(bodyOf(openai.requests.at(-1))).not.toHaveProperty('reasoning_effort')
    const { status } = await ask({ model: `${shared}:thinking`, provider: { only: ['groq'] } })
    expect(status).toBe(404)
  })

  test(':online is only for OpenRouter', async () => {
    const { candidates } = await explain({ model: `${shared}:online` })
    expect(candidates.map(({ endpoint }) => endpoint.split('/')[0])).toEqual(['openrouter'])
  })
})

test('a direct provider is sent no field that it would refuse', async () => {
  await ask({
    model: shared,
    provider: { only: ['groq'] },
    user: 'u',
    session_id: 's',
    metadata: { a: 'b' },
    usage: { include: true },
    top_k: 3,
    reasoning: { effort: 'low' },
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'hi', cache_control: { type: 'ephemeral' } }] },
    ],
  })
  const sent = bodyOf(groq.requests.at(-1))
  expect(Object.keys(sent).sort()).toEqual(['messages', 'model', 'user'])
  expect(sent['messages']).toEqual([{ role: 'user', content: [{ type: 'text', text: 'hi' }] }])
})

test('explain and quote send nothing upstream, and the maximum of a quote is never below the cost', async () => {
  const before = [openai, groq, router].map(({ requests }) => requests.length)
  const { candidates } = await explain({ model: shared })
  expect(candidates[0]).toMatchObject({
    pricing: { prompt: expect.any(String) },
    most_usd: expect.any(Number),
  })
  const body = { model: 'gpt-4o-mini', max_tokens: 4, provider: { only: ['openai'] } }
  const { json: quoted } = await broker.post('/api/v1/quote', { messages, ...body })
  const quote = quoted as { expected_usd: number; most_usd: number }
  expect([openai, groq, router].map(({ requests }) => requests.length)).toEqual(before)
  const { json: response } = await ask(body)
  const { cost } = (response as { usage: { cost: number } }).usage
  expect(quote.most_usd).toBeGreaterThanOrEqual(cost)
  expect(quote.most_usd).toBeGreaterThanOrEqual(quote.expected_usd)
})
