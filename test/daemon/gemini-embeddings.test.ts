import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openaiClient } from '../support/openai-client.ts'
import {
  json,
  scriptedUpstream,
  type ReceivedRequest,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const model = 'vectors'
const folder = tempFolder()
let upstream: ScriptedUpstream
let broker: Broker
let openai: ReturnType<typeof openaiClient>
beforeAll(async () => {
  upstream = await scriptedUpstream(({ body }) => [json(200, response(body))])
  const path = join(folder.path, 'models.yml')
  writeFileSync(
    path,
    `models:
  vectors:
    kind: embedding
    context_window: 2048
    backends: [{provider: gemini, model_id: gemini-embedding-001, input_cost: 0.15}]
`,
  )
  const env = {
    MODELS_CONFIG_PATH: path,
    GEMINI_API_KEY: 'AIza-canary',
    AIBROKER_GEMINI_URL: upstream.baseUrl,
  }
  broker = await startBroker({ env })
  openai = openaiClient(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  for (const open of [openai, broker, upstream]) await open[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

interface Batch {
  readonly requests: readonly { readonly content: { readonly parts: readonly { readonly text: string }[] } }[]
}

/** A vector for each text, which tells its length; the text “short” loses the last, “uncounted” the count of tokens. */
function response(body: unknown): object {
  const texts = (body as Batch).requests.map(({ content }) => content.parts[0]?.text ?? '')
  const embeddings = texts.map((text) => ({ values: [text.length, 0.5] }))
  return {
    embeddings: texts.includes('short') ? embeddings.slice(1) : embeddings,
    ...(texts.includes('uncounted') ? {} : { usageMetadata: { promptTokenCount: 7 * texts.length } }),
  }
}

const received = (): ReceivedRequest => upstream.requests.at(-1) as ReceivedRequest

test('embeddings are requested in Google’s protocol and priced by its count', async () => {
  const { data, usage } = await openai.embeddings.create({ model, input: ['a', 'bcd'], dimensions: 2 })
  expect(data.map(({ index, embedding }) => [index, embedding[0]])).toEqual([
    [0, 1],
    [1, 3],
  ])
  expect(usage).toMatchObject({ prompt_tokens: 14, total_tokens: 14, cost: (14 * 150) / 1e9 })
  const part = (text: string) => ({
    model: 'models/gemini-embedding-001',
    content: { parts: [{ text }] },
    outputDimensionality: 2,
  })
  expect(received()).toMatchObject({
    path: '/v1/models/gemini-embedding-001:batchEmbedContents',
    headers: { 'x-goog-api-key': 'AIza-canary' },
    body: { requests: [part('a'), part('bcd')] },
  })
})

test('more than 100 texts are embedded in as many requests as Google’s limit needs', async () => {
  const before = upstream.requests.length
  const input = Array.from({ length: 101 }, (_, at) => 'x'.repeat(at + 1))
  const { data, usage } = await openai.embeddings.create({ model, input, encoding_format: 'float' })
  expect(upstream.requests.length - before).toBe(2)
  expect(data.map(({ embedding }) => embedding[0])).toEqual(input.map(({ length }) => length))
  expect(usage.prompt_tokens).toBe(7 * 101)
})

test('embeddings without a count of tokens have a cost that is bounded, not exact', async () => {
  const { text } = await broker.post('/v1/embeddings', { model, input: 'uncounted' })
  const { cost_low, cost_high } = (JSON.parse(text) as { x_aibroker: Record<string, number> }).x_aibroker
  expect(cost_high).toBeGreaterThan(cost_low ?? Number.NaN)
})

test('a response without a vector for each text is a failure of the provider', async () => {
  const request = openai.embeddings.create({ model, input: ['short', 'b'] })
  await expect(request).rejects.toThrow(/no vector for each text/)
})

test('a list of tokens is refused by the name of its field', async () => {
  const { status, text } = await broker.post('/v1/embeddings', { model, input: [1, 2, 3] })
  expect(status).toBe(400)
  expect(text).toContain('input: the endpoint for this model has no place for it')
})
