import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toFile } from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openaiClient } from '../../support/openai-client.ts'
import { openaiAt, openrouterAt } from '../../support/providers-env.ts'
import {
  json,
  scriptedUpstream,
  sse,
  type ReceivedRequest,
  type ScriptedUpstream,
  type Step,
} from '../../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const MODELS = `models:
  by-token:
    kind: image
    backends:
      - { provider: openai, model_id: gpt-image, input_cost: 5, image_cost: 8, output_cost: 30 }
  by-image:
    kind: image
    backends:
      - provider: openai
        model_id: priced-images
        made_image_costs:
          - { size: 1024x1024, quality: low, each_cost: 0.011 }
          - { size: 1024x1024, quality: high, each_cost: 0.167 }
          - { quality: high, each_cost: 0.25 }
  routed:
    kind: image
    backends:
      - { provider: openrouter, model_id: maker/image, output_cost: 30 }
`
const PNG = Buffer.from('iVBORw0KGgo=', 'base64')
const image = { b64_json: PNG.toString('base64') }
const usage = {
  input_tokens: 60,
  input_tokens_details: { text_tokens: 10, image_tokens: 50 },
  output_tokens: 1000,
  total_tokens: 1060,
}

let script: readonly Step[] = []
let upstream: ScriptedUpstream
let broker: Broker
let client: ReturnType<typeof openaiClient>
const folder = tempFolder()

beforeAll(async () => {
  upstream = await scriptedUpstream(() => script)
  const models = join(folder.path, 'models.yml')
  writeFileSync(models, MODELS)
  const env = { ...openaiAt(upstream), ...openrouterAt(upstream) }
  broker = await startBroker({ env: { ...env, MODELS_CONFIG_PATH: models } })
  client = openaiClient(broker.sockets.rest)
})

afterAll(async () => {
  await client[Symbol.asyncDispose]()
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const lastRow = () => broker.rows().at(-1)
const lastRequest = () => upstream.requests.at(-1) as ReceivedRequest

test('a new image is billed by its tokens, and response_format does not reach the provider', async () => {
  script = [json(200, { created: 1, data: [image], usage })]
  const answer = await client.images.generate({
    model: 'by-token',
    prompt: 'a cat',
    response_format: 'b64_json',
  })
  expect(answer.data).toEqual([image])
  expect(lastRequest().path).toBe('/v1/images/generations')
  expect(lastRequest().body).toEqual({ model: 'gpt-image', prompt: 'a cat' })
  // 10 × $5 + 50 × $8 + 1000 × $30 a million.
  expect(lastRow()).toMatchObject({ kind: 'image', cost_nano: 30_450_000, completion_tokens: 1000 })
})

test.each([
  [{ size: '1024x1024', quality: 'high' }, {}, 1, 167_000_000],
  [{ size: '1024x1024', quality: 'low', n: 2 }, {}, 2, 22_000_000],
  [{ quality: 'high', size: '1536x1024' }, {}, 1, 250_000_000],
  // What the provider says it made counts, where the caller left it open.
  [{}, { size: '1024x1024', quality: 'low' }, 1, 11_000_000],
] as const)('%j with %j of the provider costs by size and quality', async (asked, said, n, nano) => {
  script = [json(200, { created: 1, data: Array.from({ length: n }, () => image), ...said })]
  const { status } = await broker.post('/v1/images/generations', {
    model: 'by-image',
    prompt: 'a cat',
    ...asked,
  })
  expect(status).toBe(200)
  expect(lastRow()).toMatchObject({ made_images: n, cost_nano: nano, unpriced: 0 })
})

test('a streamed image passes as it comes, partial images included', async () => {
  const events = [
    { type: 'image_generation.partial_image', b64_json: 'AAAA', partial_image_index: 0 },
    { type: 'image_generation.completed', b64_json: 'BBBB', usage },
  ]
  script = [sse(...events)]
  const stream = await client.images.generate({
    model: 'by-token',
    prompt: 'a cat',
    stream: true,
    partial_images: 1,
  })
  const received: unknown[] = []
  for await (const event of stream) received.push(event)
  expect(received).toEqual(events)
  expect(lastRow()).toMatchObject({ cost_nano: 30_450_000, streamed: 1 })
})

test('an edit passes every image and the mask as files of a form', async () => {
  script = [json(200, { created: 1, data: [image], usage })]
  await client.images.edit({
    model: 'by-token',
    prompt: 'add a hat',
    image: [await toFile(PNG, 'one.png', { type: 'image/png' }), await toFile(PNG, 'two.png')],
    mask: await toFile(PNG, 'mask.png'),
  })
  const { raw, headers, path } = lastRequest()
  expect(path).toBe('/v1/images/edits')
  const type = headers['content-type'] ?? ''
  const form = await new Response(new Uint8Array(raw), { headers: { 'content-type': type } }).formData()
  expect(form.getAll('image[]').map((file) => (file as File).name)).toEqual(['one.png', 'two.png'])
  expect((form.getAll('image[]')[0] as File).type).toBe('image/png')
  expect((form.get('mask') as File).name).toBe('mask.png')
  expect(form.get('model')).toBe('gpt-image')
  expect(lastRow()).toMatchObject({ cost_nano: 30_450_000, image_prompt_tokens: 50 })
})

test('OpenRouter gets its own route, and its charge is billed', async () => {
  script = [json(200, { created: 1, data: [image], usage: { cost: 0.04, is_byok: false } })]
  const { json: body } = await broker.post('/api/v1/images', { model: 'routed', prompt: 'a cat' })
  expect(body).toMatchObject({ data: [image], usage: { cost: 0.04 } })
  expect(lastRequest().path).toBe('/v1/images')
  expect(lastRow()).toMatchObject({ cost_nano: 40_000_000, cost_source: 'upstream' })
})

test.each([
  [{ response_format: 'url' }, 'response_format'],
  [{ n: 11 }, 'n'],
  [{ prompt: '' }, 'prompt'],
  [{ partial_images: 9 }, 'partial_images'],
])('a request for images with %j is refused by name', async (fields, name) => {
  const { status, json: body } = await broker.post('/v1/images/generations', {
    model: 'by-token',
    prompt: 'x',
    ...fields,
  })
  expect(status).toBe(400)
  expect(JSON.stringify(body)).toContain(`“${name}”`)
})

test('JSON to the route of edits is refused as what it is', async () => {
  const { status, json: body } = await broker.post('/v1/images/edits', { model: 'by-token', prompt: 'x' })
  expect(status).toBe(415)
  expect(JSON.stringify(body)).toContain('multipart/form-data')
})
