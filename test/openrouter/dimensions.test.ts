import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { groqAt, openaiAt, openrouterAt } from '../support/providers-env.ts'
import { json, scriptedUpstream, type Script, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MODELS = `
models:
  known:
    kind: embedding
    backends: [{ provider: openai, model_id: text-embedding-3-small, input_cost: 1 }]
  said:
    kind: embedding
    capabilities: [matryoshka]
    backends: [{ provider: openai, model_id: acme-embed, input_cost: 1 }]
  stubborn:
    kind: embedding
    backends: [{ provider: openai, model_id: stubborn, input_cost: 1 }]
  rescued:
    kind: embedding
    backends:
      - { provider: openai, model_id: rescued, input_cost: 1 }
      - { provider: groq, model_id: rescued, input_cost: 2 }
  routed:
    kind: embedding
    backends: [{ provider: openrouter, model_id: openai/text-embedding-3-small, input_cost: 1 }]
`
/** Its length is 13; cut to two numbers, its length is 5. */
const VECTOR = [3, 4, 12]
const usage = { prompt_tokens: 1000, total_tokens: 1000 }

/** A provider that ignores `dimensions`. */
const ignoring: Script = ({ body }) => {
  const { input, encoding_format: encoding } = body as { input: string | string[]; encoding_format?: string }
  const bytes = Buffer.from(new Float32Array(VECTOR).buffer)
  const embedding = encoding === 'base64' ? bytes.toString('base64') : VECTOR
  const data = [input].flat().map((_, index) => ({ object: 'embedding', index, embedding }))
  return [json(200, { object: 'list', data, usage })]
}
const obeying: Script = ({ body }) => {
  const { dimensions = 3 } = body as { dimensions?: number }
  const embedding = Array.from({ length: dimensions }, () => 1)
  return [json(200, { object: 'list', data: [{ object: 'embedding', index: 0, embedding }], usage })]
}

const folder = tempFolder()
let openai: ScriptedUpstream
let groq: ScriptedUpstream
let broker: Broker
beforeAll(async () => {
  ;[openai, groq] = await Promise.all([scriptedUpstream(ignoring), scriptedUpstream(obeying)])
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, MODELS)
  const env = { ...openaiAt(openai), ...groqAt(groq), ...openrouterAt(openai), MODELS_CONFIG_PATH: path }
  broker = await startBroker({ env, folder: folder.path })
}, 30_000)
afterAll(async () => {
  for (const open of [broker, openai, groq]) await open[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function embed(body: object) {
  const { status, json: parsed, headers } = await broker.post('/api/v1/embeddings', { input: 'hi', ...body })
  const response = parsed as { data?: { embedding: unknown }[]; error?: { message: string }; usage?: object }
  const id = headers['x-generation-id']
  const row = () => broker.rows().find((each) => each['id'] === id)
  return { status, answer: response, vectors: response.data?.map(({ embedding }) => embedding), row }
}

describe('embedding vectors that are longer than the requested dimensions', () => {
  test.each(['known', 'said', 'routed'])(
    'are cut and normalised to length one if the model allows it (%s)',
    async (model) => {
      const { vectors } = await embed({ model, dimensions: 2, input: ['a', 'b'] })
      expect(vectors).toEqual([
        [0.6, 0.8],
        [0.6, 0.8],
      ])
    },
  )

  test.each(['known', 'routed'])('are cut in base64, too (%s)', async (model) => {
    const { vectors } = await embed({ model, dimensions: 2, encoding_format: 'base64' })
    const bytes = Buffer.from(String(vectors?.[0]), 'base64')
    expect([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([
      8,
      Math.fround(0.6),
      Math.fround(0.8),
    ])
  })

  test('are refused if the model is not known to allow cutting, and booked, because they were billed', async () => {
    const { status, answer: response, row } = await embed({ model: 'stubborn', dimensions: 2 })
    expect([status, response.error?.message]).toEqual([
      502,
      expect.stringMatching(/vectors of 2 numbers and gave 3/),
    ])
    await expect.poll(row).toMatchObject({ cost_nano: 1_000_000, prompt_tokens: 1000 })
  })

  test('fall back to the next endpoint, one attempt each, and the cost is of both', async () => {
    const before = openai.requests.length
    const { answer: response, vectors, row } = await embed({ model: 'rescued', dimensions: 2 })
    expect([vectors, openai.requests.length - before]).toEqual([[[1, 1]], 1])
    // 1,000 tokens at $1 and at $2 a million.
    expect(response.usage).toMatchObject({ prompt_tokens: 2000, cost: 0.003 })
    await expect.poll(row).toMatchObject({ cost_nano: 3_000_000, prompt_tokens: 2000 })
  })
})

test('embedding vectors that are too short are refused, not padded', async () => {
  const { status, answer: response } = await embed({ model: 'known', dimensions: 4 })
  expect([status, response.error?.message]).toEqual([502, expect.stringMatching(/of 4 numbers and gave 3/)])
})

test('without requested dimensions embedding vectors are not changed', async () => {
  expect((await embed({ model: 'known' })).vectors).toEqual([VECTOR])
  expect((await embed({ model: 'known', dimensions: 3 })).vectors).toEqual([VECTOR])
})
