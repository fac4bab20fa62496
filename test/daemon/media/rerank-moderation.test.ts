import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openaiClient } from '../../support/openai-client.ts'
import { groqAt, openaiAt, openrouterAt } from '../../support/providers-env.ts'
import { json, scriptedUpstream, type ScriptedUpstream, type Step } from '../../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const MODELS = `models:
  in-units:
    kind: rerank
    backends:
      - { provider: groq, model_id: rerank-v3.5, search_unit_cost: 0.002 }
  in-tokens:
    kind: rerank
    backends:
      - { provider: groq, model_id: jina-reranker, input_cost: 0.05 }
  routed:
    kind: rerank
    backends:
      - { provider: openrouter, model_id: cohere/rerank, search_unit_cost: 0.002 }
  unpriced:
    kind: rerank
    backends:
      - { provider: groq, model_id: unknown }
  omni-moderation-latest:
    kind: moderation
    backends:
      - { provider: openai, model_id: omni-moderation-latest, input_cost: 0 }
  embedder:
    kind: embedding
    backends:
      - { provider: openai, model_id: text-embedding-3-small, input_cost: 0.02 }
`
const RESULTS = [
  { index: 1, relevance_score: 0.2 },
  { index: 0, relevance_score: 0.9 },
]

let script: readonly Step[] = []
let upstream: ScriptedUpstream
let broker: Broker
const folder = tempFolder()

beforeAll(async () => {
  upstream = await scriptedUpstream(() => script)
  const models = join(folder.path, 'models.yml')
  writeFileSync(models, MODELS)
  const env = { ...groqAt(upstream), ...openaiAt(upstream), ...openrouterAt(upstream) }
  broker = await startBroker({ env: { ...env, MODELS_CONFIG_PATH: models } })
})

afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const ask = { query: 'q', documents: ['a', 'b'] }
const lastRow = () => broker.rows().at(-1)

test('a rerank in Cohere’s form is billed by the search units that the provider bills', async () => {
  script = [json(200, { id: 'r', results: RESULTS, meta: { billed_units: { search_units: 3 } } })]
  const { status, json: body } = await broker.post('/v1/rerank', { model: 'in-units', ...ask })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    id: 'r',
    results: [
      { index: 0, relevance_score: 0.9, document: { text: 'a' } },
      { index: 1, relevance_score: 0.2, document: { text: 'b' } },
    ],
    meta: { billed_units: { search_units: 3 } },
    usage: { search_units: 3, cost: 0.006 },
    x_aibroker: { endpoint: 'groq/rerank-v3.5', cost: 0.006 },
  })
  const request = upstream.requests.at(-1)
  expect(request?.path).toBe('/v1/rerank')
  expect(request?.body).toEqual({ model: 'rerank-v3.5', ...ask, top_n: 2 })
  expect(lastRow()).toMatchObject({ kind: 'rerank', search_units: 3, cost_nano: 6_000_000, unpriced: 0 })
})

test('documents as objects become texts for a vendor, and Jina’s tokens are billed', async () => {
  script = [json(200, { results: RESULTS, usage: { total_tokens: 1000 } })]
  const { json: body } = await broker.post('/v1/rerank', {
    model: 'in-tokens',
    query: 'q',
    documents: [{ text: 'a' }, { text: 'b' }],
    top_n: 1,
    return_documents: false,
  })
  expect((body as { results: unknown }).results).toEqual([{ index: 0, relevance_score: 0.9 }])
  expect(upstream.requests.at(-1)?.body).toMatchObject({ documents: ['a', 'b'], top_n: 1 })
  // 1000 tokens at $0.05 a million.
  expect(lastRow()).toMatchObject({ prompt_tokens: 1000, cost_nano: 50_000, count_source: 'reported' })
})

test('OpenRouter gets the request as it came, and its own charge is billed', async () => {
  script = [
    json(200, { id: 'g', results: RESULTS, usage: { search_units: 1, cost: 0.0025, is_byok: false } }),
  ]
  const documents = [{ text: 'a' }, { text: 'b', image: 'data:image/png;base64,AA' }]
  await broker.post('/api/v1/rerank', { model: 'routed', query: 'q', documents })
  expect(upstream.requests.at(-1)?.body).toMatchObject({ documents })
  expect(lastRow()).toMatchObject({ cost_nano: 2_500_000, cost_source: 'upstream' })
})

test('a rerank without reported units has bounds by the lengths of its documents', async () => {
  script = [json(200, { results: RESULTS })]
  const documents = Array.from({ length: 150 }, () => 'x'.repeat(3000))
  await broker.post('/v1/rerank', { model: 'in-units', query: 'q', documents })
  // At least 2 units for 150 documents, usually 3 for 300 pieces, at most 9 for 900.
  expect(lastRow()).toMatchObject({
    cost_low_nano: 4_000_000,
    cost_nano: 6_000_000,
    cost_high_nano: 18_000_000,
    count_source: 'bounded',
  })
})

test('a model without a price is unpriced, never free', async () => {
  script = [json(200, { results: RESULTS, meta: { billed_units: { search_units: 1 } } })]
  await broker.post('/v1/rerank', { model: 'unpriced', ...ask })
  expect(lastRow()).toMatchObject({ cost_nano: null, unpriced: 1, search_units: 1 })
})

test.each([
  [{ documents: [] }, 'documents'],
  [{ query: '' }, 'query'],
  [{ top_n: 0 }, 'top_n'],
  [{ documents: [1] }, 'documents'],
])('a rerank with %j is refused by name', async (fields, name) => {
  const { status, json: body } = await broker.post('/v1/rerank', { model: 'in-units', ...ask, ...fields })
  expect(status).toBe(400)
  expect(JSON.stringify(body)).toContain(name)
})

test('OpenAI’s client gets a moderation, free of charge, with one row', async () => {
  const results = [{ flagged: true, categories: { violence: true, 'self-harm/intent': false } }]
  script = [json(200, { id: 'modr-1', model: 'omni-moderation-latest', results })]
  await using client = openaiClient(broker.sockets.rest)
  const answer = await client.moderations.create({ input: ['I hurt you'] })
  expect(answer).toMatchObject({ id: 'modr-1', results })
  expect(upstream.requests.at(-1)?.path).toBe('/v1/moderations')
  expect(lastRow()).toMatchObject({ kind: 'moderation', cost_nano: 0, unpriced: 0, status: 'finished' })
})

test('OpenAI’s client gets embeddings of lists of tokens', async () => {
  const data = [
    { object: 'embedding', index: 0, embedding: [1, 2] },
    { object: 'embedding', index: 1, embedding: [3, 4] },
  ]
  script = [json(200, { object: 'list', data, usage: { prompt_tokens: 5, total_tokens: 5 } })]
  await using client = openaiClient(broker.sockets.rest)
  const input = [
    [1, 2, 3],
    [4, 5],
  ]
  const answer = await client.embeddings.create({ model: 'embedder', input, encoding_format: 'float' })
  expect(answer.data.map(({ embedding }) => embedding)).toEqual([
    [1, 2],
    [3, 4],
  ])
  expect(upstream.requests.at(-1)?.body).toMatchObject({ input })
  expect(lastRow()).toMatchObject({ prompt_tokens: 5, cost_nano: 100 })
})

test('a moderation of nothing is refused by name', async () => {
  const { status, json: body } = await broker.post('/v1/moderations', { input: [] })
  expect(status).toBe(400)
  expect(JSON.stringify(body)).toContain('“input”')
})
