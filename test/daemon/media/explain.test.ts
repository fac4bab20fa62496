import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { groqAt, openaiAt } from '../../support/providers-env.ts'
import { json, scriptedUpstream, type ScriptedUpstream, type Step } from '../../support/scripted-upstream.ts'
import { wavFile } from '../../support/sounds.ts'
import { startBroker, type Broker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const MODELS = `models:
  by-character:
    kind: speech
    backends:
      - { provider: openai, model_id: tts-1, character_cost: 15 }
  by-token:
    kind: speech
    backends:
      - { provider: openai, model_id: gpt-4o-mini-tts, input_cost: 0.6, output_cost: 12 }
  listener:
    kind: transcription
    backends:
      - { provider: groq, model_id: whisper-large-v3, hour_cost: 0.111, minimum_seconds: 10 }
  plain-listener:
    kind: transcription
    capabilities: [streaming]
    backends:
      - { provider: openai, model_id: gpt-4o-transcribe, input_cost: 2.5, output_cost: 10 }
  reranker:
    kind: rerank
    backends:
      - { provider: groq, model_id: rerank-v3.5, search_unit_cost: 0.002 }
  painter:
    kind: image
    backends:
      - { provider: openai, model_id: gpt-image-1, input_cost: 5, output_cost: 40 }
  omni-moderation-latest:
    kind: moderation
    backends:
      - { provider: openai, model_id: omni-moderation-latest, input_cost: 0 }
`
let script: readonly Step[] = []
let upstream: ScriptedUpstream
let broker: Broker
const folder = tempFolder()

beforeAll(async () => {
  upstream = await scriptedUpstream(() => script)
  const models = join(folder.path, 'models.yml')
  writeFileSync(models, MODELS)
  broker = await startBroker({
    env: { ...groqAt(upstream), ...openaiAt(upstream), MODELS_CONFIG_PATH: models },
  })
})

afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const sound = (seconds: number) => ({ data: wavFile(seconds).toString('base64'), format: 'wav' })

test('a quote of speech counts the characters at their price', async () => {
  const { status, json: quoted } = await broker.post('/v1/quote', {
    model: 'by-character',
    voice: 'alloy',
    input: 'Hello, world!',
  })
  expect(status).toBe(200)
  // 13 characters at $15 a million.
  expect(quoted).toMatchObject({
    endpoint: 'openai/tts-1',
    characters: 13,
    expected_usd: 0.000195,
    most_usd: 0.000195,
    unpriced: false,
  })
})

test('the model tells speech from embeddings where no voice is named', async () => {
  const { json: quoted } = await broker.post('/v1/explain', { model: 'by-character', input: 'Hello!' })
  expect(quoted).toMatchObject({ kind: 'speech', candidates: [{ endpoint: 'openai/tts-1' }] })
})

test('a quote of speech in tokens has the bounds of its hold', async () => {
  const { json: quoted } = await broker.post('/v1/quote', { model: 'by-token', voice: 'v', input: 'Hi' })
  const { expected_usd: expected, most_usd: most } = quoted as Record<string, number>
  // One token of text and six of sound; at most 272 of sound, and a token for each byte of the body.
  expect(expected).toBe(0.0000726)
  expect(most).toBeGreaterThan(272 * 12e-6)
})

test('a quote of a transcription takes the length from the sound, and the least that is billed', async () => {
  const quoteOf = async (seconds: number) =>
    (await broker.post('/v1/quote', { model: 'listener', input_audio: sound(seconds) })).json
  expect(await quoteOf(12.34)).toMatchObject({ sound_seconds: 12.34, expected_usd: 0.000380483 })
  expect(await quoteOf(3)).toMatchObject({ sound_seconds: 3, expected_usd: 0.000308333 })
})

test('explain names the endpoint that can’t give the format of a transcription', async () => {
  const { status, json: explained } = await broker.post('/v1/explain', {
    model: 'plain-listener',
    input_audio: sound(1),
    response_format: 'srt',
  })
  expect(status).toBe(200)
  expect(explained).toMatchObject({
    kind: 'transcription',
    candidates: [],
    excluded: [{ endpoint: 'openai/gpt-4o-transcribe', reason: 'does not give the response_format “srt”' }],
    error: { message: expect.stringContaining('srt') },
  })
})

test('a quote of a rerank counts its search units', async () => {
  const documents = Array.from({ length: 101 }, (_, at) => `document ${at}`)
  const { json: quoted } = await broker.post('/v1/quote', { model: 'reranker', query: 'q', documents })
  expect(quoted).toMatchObject({ search_units: 2, expected_usd: 0.004, most_usd: 0.004 })
})

test('a quote of images is not below what they cost', async () => {
  const body = { model: 'painter', prompt: 'an otter', n: 2 }
  const { json: quoted } = await broker.post('/v1/quote', body)
  const { most_usd: most, completion_tokens: tokens } = quoted as Record<string, number>
  expect(tokens).toBe(3200)
  script = [
    json(200, {
      created: 1,
      data: [{ b64_json: 'AA==' }, { b64_json: 'AA==' }],
      usage: { input_tokens: 9, output_tokens: 12_480, total_tokens: 12_489 },
    }),
  ]
  const { json: made } = await broker.post('/v1/images/generations', body)
  const { cost } = (made as { x_aibroker: { cost: number } }).x_aibroker
  expect(cost).toBe(0.499245)
  expect(most).toBeGreaterThanOrEqual(cost)
})

test('`kind` tells a moderation from an embedding where no model is named', async () => {
  const { json: quoted } = await broker.post('/v1/quote?kind=moderation', { input: 'be nice' })
  expect(quoted).toMatchObject({ endpoint: 'openai/omni-moderation-latest', expected_usd: 0, most_usd: 0 })
})

test.each([
  ['/v1/quote?kind=smell', { input: 'x' }, /“kind” is “smell”, should be one of chat, embedding/],
  ['/v1/explain?kind=rerank', { model: 'reranker', documents: ['a'] }, /query/],
  ['/v1/explain', { model: 'listener', input_audio: { data: 'data:x', format: 'wav' } }, /base64 alone/],
])('%s of %j is refused with the name of the field', async (path, body, message) => {
  const { status, json: refused } = await broker.post(path, body)
  expect(status).toBe(400)
  expect((refused as { error: { message: string } }).error.message).toMatch(message)
})

test('explain and quote ask no provider and leave no row', async () => {
  const [asked, rows] = [upstream.requests.length, broker.rows().length]
  await broker.post('/v1/explain', { model: 'reranker', query: 'q', documents: ['a'] })
  await broker.post('/v1/quote', { model: 'by-character', voice: 'v', input: 'Hi' })
  expect([upstream.requests.length, broker.rows().length]).toEqual([asked, rows])
})
