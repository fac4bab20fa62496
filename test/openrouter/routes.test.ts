import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientsOn } from '../support/openrouter-clients.ts'
import { eventsOf, schemaErrorsOf } from '../support/openrouter-schema.ts'
import { groqAt, openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
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

/** 1,000 prompt tokens of which 600 cached, 100 written to the cache, 50 of sound; 200 completion of which 120 reasoning. */
const USAGE = {
  prompt_tokens: 1000,
  completion_tokens: 200,
  total_tokens: 1200,
  prompt_tokens_details: { cached_tokens: 600, cache_write_tokens: 100, audio_tokens: 50 },
  completion_tokens_details: { reasoning_tokens: 120 },
}

let upstream: ScriptedUpstream
let broker: Broker
let clients: ReturnType<typeof clientsOn>

beforeAll(async () => {
  upstream = await scriptedUpstream(script)
  broker = await startBroker({ env: { ...openaiAt(upstream), ...groqAt(upstream) } })
  clients = clientsOn(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

function script({ path, body }: ReceivedRequest): readonly Step[] {
  const request = body as { stream?: boolean; input?: unknown; encoding_format?: string }
  if (path.endsWith('/embeddings')) return [json(200, vectorsFor(request.input))]
  if (request.stream === true) return [sse(chatChunk('one'), finishChunk(), usageChunk(USAGE), done)]
  const message = { role: 'assistant', content: 'one', reasoning_content: 'hm' }
  const choices = [{ index: 0, message, finish_reason: 'stop' }]
  return [json(200, { id: 'x', object: 'chat.completion', created: 1, model: 'm', choices, usage: USAGE })]
}

/** Vectors that show which input they belong to, in the wrong order and always as floats. */
function vectorsFor(input: unknown) {
  const inputs = Array.isArray(input) && typeof input[0] !== 'number' ? (input as unknown[]) : [input]
  const data = inputs.map((of, index) => ({ object: 'embedding', index, embedding: [Number(of) || 0, 0.5] }))
  return {
    object: 'list',
    data: data.reverse(),
    usage: { prompt_tokens: inputs.length, total_tokens: inputs.length },
  }
}

const messages = [{ role: 'user' as const, content: 'count' }]
const model = 'gpt-4o-mini'

describe('every route responds as OpenRouter’s document says', () => {
  test.each([
    ['GET /models', '/models'],
    ['GET /models', '/models?offset=1&limit=2&supported_parameters=tools'],
    ['GET /models/user', '/models/user'],
    ['GET /models/count', '/models/count'],
    ['GET /embeddings/models', '/embeddings/models'],
    ['GET /model/{author}/{slug}', '/model/openai/gpt-4o-mini'],
    ['GET /models/{author}/{slug}/endpoints', '/models/openai/gpt-4o-mini/endpoints'],
    ['GET /providers', '/providers'],
    ['GET /endpoints/zdr', '/endpoints/zdr'],
    ['GET /credits', '/credits'],
    ['GET /key', '/key'],
    ['GET /key', '/auth/key'],
  ])('%s (%s)', async (schema, path) => {
    for (const prefix of ['/v1', '/api/v1']) {
      const { status, json: body } = await broker.get(prefix + path)
      expect([status, schemaErrorsOf(`${schema} application/json`, body)]).toEqual([200, []])
    }
  })

  test('web_v1.sock also serves routes without /v1', async () => {
    const { status } = await broker.get('/models/count', { socketPath: broker.sockets.web })
    expect(status).toBe(200)
  })

  test('an embedding, too', async () => {
    const { json: body } = await broker.post('/api/v1/embeddings', {
      model: 'text-embedding-3-small',
      input: 'hi',
    })
    expect(schemaErrorsOf('POST /embeddings application/json', body)).toEqual([])
  })
})

describe('GET /generation', () => {
  test.each([true, false])(
    'shows the figures of the response and the ledger (streamed: %s)',
    async (stream) => {
      const { text, headers } = await broker.post('/api/v1/chat/completions', { model, messages, stream })
      const last = stream ? text.split('data: ').at(-2) : text
      const { usage } = JSON.parse(last ?? '') as { usage: { cost: number; cost_details: object } }
      const { json: body } = await broker.get(`/api/v1/generation?id=${String(headers['x-generation-id'])}`)
      expect(schemaErrorsOf('GET /generation application/json', body)).toEqual([])
      const row = broker.rows().find(({ id }) => id === headers['x-generation-id'])
      // $0.15 in, $0.075 cached, no price for writing or sound: those cost as any other; $0.60 out. By hand:
      // 600 × 75 + 400 × 150 = 105,000 and 200 × 600 = 120,000 nano-dollars.
      expect(row).toMatchObject({ cost_nano: 225_000, prompt_tokens: 1000, completion_tokens: 200 })
      expect(usage).toMatchObject({
        cost: 0.000225,
        cost_details: {
          upstream_inference_prompt_cost: 0.000105,
          upstream_inference_completions_cost: 0.00012,
        },
      })
      expect(body).toMatchObject({
        data: {
          total_cost: 0.000225,
          tokens_prompt: 1000,
          tokens_completion: 200,
          native_tokens_cached: 600,
          native_tokens_reasoning: 120,
          streamed: stream,
          provider_name: 'OpenAI',
          model,
        },
      })
    },
  )

  test('does not find requests of other callers', async () => {
    const { headers } = await broker.post('/api/v1/chat/completions', { model, messages })
    const path = `/api/v1/generation?id=${String(headers['x-generation-id'])}`
    const other = await broker.get(path, { headers: { 'x-forwarded-for': '10.0.0.9' } })
    expect(other.status).toBe(404)
    expect(other.json).toMatchObject({ error: { code: 404, message: expect.stringContaining('not found') } })
  })
})

test('the list of endpoints shows their measured latency, throughput and uptime', async () => {
  await broker.post('/api/v1/chat/completions', { model, messages })
  const { json: body } = await broker.get('/v1/models/openai/gpt-4o-mini/endpoints')
  const { endpoints } = (body as { data: { endpoints: Record<string, unknown>[] } }).data
  expect(endpoints[0]).toMatchObject({
    tag: 'openai',
    uptime_last_5m: 100,
    latency_last_30m: { p50: expect.any(Number) },
    throughput_last_30m: { p50: expect.any(Number) },
  })
})

describe('embeddings', () => {
  const vectors = async (body: object): Promise<unknown> => {
    const { json: response } = await broker.post('/api/v1/embeddings', {
      model: 'text-embedding-3-small',
      ...body,
    })
    return (response as { data: { embedding: unknown }[] }).data.map(({ embedding }) => embedding)
  }

  test('keep the order of their inputs', async () => {
    expect(await vectors({ input: ['1', '2', '3'] })).toEqual([
      [1, 0.5],
      [2, 0.5],
      [3, 0.5],
    ])
  })

  test('come in base64 if requested, although the provider sends numbers', async () => {
    const [first] = (await vectors({ input: '2', encoding_format: 'base64' })) as string[]
    const bytes = Buffer.from(first ?? '', 'base64')
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([2, 0.5])
  })

  test('with more inputs than the provider takes are sent in batches and returned as one response at one cost', async () => {
    const before = upstream.requests.length
    const input = Array.from({ length: 2050 }, (_, at) => String(at))
    const { json: response, headers } = await broker.post('/api/v1/embeddings', {
      model: 'text-embedding-3-small',
      input,
    })
    const { data, usage } = response as { data: { index: number; embedding: number[] }[]; usage: object }
    expect(upstream.requests.length - before).toBe(2)
    expect(data.map(({ embedding }) => embedding[0])).toEqual(input.map(Number))
    // $0.02 a million: 2,050 tokens are 41,000 nano-dollars.
    expect(usage).toMatchObject({ prompt_tokens: 2050, cost: 0.000041 })
    await expect
      .poll(() => broker.rows().find(({ id }) => id === headers['x-generation-id']))
      .toMatchObject({ cost_nano: 41_000 })
  })

  test.each([[[1, 2, 3]], [[[1, 2], [3]]]])('of tokens are passed on', async (input) => {
    const { status } = await broker.post('/api/v1/embeddings', { model: 'text-embedding-3-small', input })
    expect(status).toBe(200)
  })

  test.each([['']])('of an empty input are refused', async (input) => {
    const { status } = await broker.post('/api/v1/embeddings', { model: 'text-embedding-3-small', input })
    expect(status).toBe(400)
  })
})

describe('completions', () => {
  test('return text, plain and streamed', async () => {
    const plain = await broker.post('/api/v1/completions', { model, prompt: 'say' })
    expect(plain.json).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, text: 'one', finish_reason: 'stop', reasoning: 'hm' }],
      usage: { cost: 0.000225 },
    })
    const { text } = await broker.post('/api/v1/completions', { model, prompt: 'say', stream: true })
    expect(text).toContain('"text":"one"')
    expect(text).toContain('"cost":0.000225')
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  test('have the same time and fields in all their chunks', async () => {
    const { text } = await broker.post('/api/v1/completions', { model, prompt: 'say', stream: true })
    const events = eventsOf(text)
    expect(new Set(events.map(({ created }) => created)).size).toBe(1)
    const choices = events.map((event) => Object.keys((event['choices'] as object[])[0] ?? {}).toSorted())
    expect(new Set(choices.map(String)).size).toBe(1)
  })
})

test('the routes that OpenRouter’s clients use work', async () => {
  const { openai, openrouter } = clients
  const models = await openrouter.models.list()
  expect(models.result.data.length).toBeGreaterThan(5)
  expect((await openai.models.list()).data.length).toBeGreaterThan(5)
  expect((await openrouter.credits.getCredits()).data.totalUsage).toBeGreaterThanOrEqual(0)
  expect((await openrouter.apiKeys.getCurrentKeyMetadata()).data.limit).toBeNull()
  const vectors = await openai.embeddings.create({ model: 'text-embedding-3-small', input: ['1', '2'] })
  expect(vectors.data.map(({ embedding }) => embedding[0])).toEqual([1, 2])
})
