import { toFile } from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openaiClient } from '../../support/openai-client.ts'
import { groqAt, openaiAt } from '../../support/providers-env.ts'
import {
  json,
  scriptedUpstream,
  sse,
  type ReceivedRequest,
  type Script,
  type ScriptedUpstream,
  type Step,
} from '../../support/scripted-upstream.ts'
import { wavFile } from '../../support/sounds.ts'
import { startBroker, type Broker } from '../../support/start-broker.ts'

const SPOKEN = {
  task: 'transcribe',
  language: 'english',
  duration: 12.34,
  text: ' One two.',
  segments: [
    { id: 0, start: 0, end: 1.5, text: ' One', avg_logprob: -0.2 },
    { id: 1, start: 3661.25, end: 3662, text: ' two.', avg_logprob: -0.3 },
  ],
}
const NOT_FOUND = json(404, { error: { message: 'no such model' } })

/** What the providers do, set by each test. */
let [groqScript, openaiScript]: [Script, Script] = [[], []]
let groq: ScriptedUpstream
let openai: ScriptedUpstream
let broker: Broker
let client: ReturnType<typeof openaiClient>

beforeAll(async () => {
  const play =
    (script: () => Script) =>
    (request: ReceivedRequest, nth: number): readonly Step[] => {
      const now = script()
      return typeof now === 'function' ? now(request, nth) : now
    }
  groq = await scriptedUpstream(play(() => groqScript))
  openai = await scriptedUpstream(play(() => openaiScript))
  broker = await startBroker({ env: { ...groqAt(groq), ...openaiAt(openai) } })
  client = openaiClient(broker.sockets.rest)
})

afterAll(async () => {
  await client[Symbol.asyncDispose]()
  await broker[Symbol.asyncDispose]()
  await groq[Symbol.asyncDispose]()
  await openai[Symbol.asyncDispose]()
})

function serve(scripts: { groq?: Script; openai?: Script }): void {
  groqScript = scripts.groq ?? [NOT_FOUND]
  openaiScript = scripts.openai ?? [NOT_FOUND]
}

async function formOf({ raw, headers }: ReceivedRequest): Promise<FormData> {
  const type = headers['content-type'] ?? ''
  return await new Response(new Uint8Array(raw), { headers: { 'content-type': type } }).formData()
}

const speech = (seconds = 12.34) => toFile(wavFile(seconds), 'speech.wav')
const lastRow = () => broker.rows().at(-1)

test('whisper-1 goes to Groq first, as a form with the file’s name, and is billed for at least ten seconds', async () => {
  serve({ groq: [json(200, { ...SPOKEN, duration: 3 })] })
  const file = await speech(3)
  const transcript = await client.audio.transcriptions.create({
    file,
    model: 'whisper-1',
    language: 'en',
    prompt: 'Numbers “1” and\r\n2',
  })
  expect(transcript.text).toBe(' One two.')
  const request = groq.requests.at(-1)
  if (request === undefined) throw new Error('Groq was not asked')
  expect(request.path).toBe('/v1/audio/transcriptions')
  const form = await formOf(request)
  expect(form.get('model')).toBe('whisper-large-v3')
  expect(form.get('language')).toBe('en')
  expect(form.get('prompt')).toBe('Numbers “1” and\r\n2')
  expect(form.get('response_format')).toBe('verbose_json')
  const sent = form.get('file') as File
  expect(sent.name).toBe('speech.wav')
  expect(Buffer.from(await sent.arrayBuffer()).equals(wavFile(3))).toBe(true)
  // Ten seconds at $0.111 an hour: 308,333.3 nano-dollars.
  expect(lastRow()).toMatchObject({
    kind: 'transcription',
    model: 'whisper-1',
    endpoint: 'groq/whisper-large-v3',
    sound_ms: 3000,
    cost_nano: 308_333,
    count_source: 'reported',
    unpriced: 0,
  })
})

test('where Groq no longer serves the model, OpenAI gets the same file again, and only OpenAI is billed', async () => {
  serve({ openai: [json(200, { ...SPOKEN, usage: { type: 'duration', seconds: 13 } })] })
  const transcript = await client.audio.transcriptions.create({ file: await speech(), model: 'whisper-1' })
  expect(transcript).toMatchObject({ text: ' One two.', usage: { type: 'duration', seconds: 13 } })
  const request = openai.requests.at(-1)
  if (request === undefined) throw new Error('OpenAI was not asked')
  const file = (await formOf(request)).get('file') as File
  expect(Buffer.from(await file.arrayBuffer()).equals(wavFile(12.34))).toBe(true)
  // 13 seconds at $0.36 an hour.
  expect(lastRow()).toMatchObject({ endpoint: 'openai/whisper-1', sound_ms: 13_000, cost_nano: 1_300_000 })
})

test.each([
  ['text', 'One two.\n'],
  ['srt', '1\n00:00:00,000 --> 00:00:01,500\nOne\n\n2\n01:01:01,250 --> 01:01:02,000\ntwo.\n'],
  ['vtt', 'WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne\n\n01:01:01.250 --> 01:01:02.000\ntwo.\n'],
] as const)(
  '%s is made of what the provider timed, and billed like any other format',
  async (format, expected) => {
    serve({ groq: [json(200, SPOKEN)] })
    const text = await client.audio.transcriptions.create({
      file: await speech(),
      model: 'whisper-1',
      response_format: format,
    })
    expect(text).toBe(expected)
    // 12.34 seconds at $0.111 an hour: 380,483.3.
    expect(lastRow()).toMatchObject({ sound_ms: 12_340, cost_nano: 380_483, count_source: 'reported' })
  },
)

test('verbose_json keeps all that the provider says, and adds the usage', async () => {
  serve({ groq: [json(200, SPOKEN)] })
  const transcript = await client.audio.transcriptions.create({
    file: await speech(),
    model: 'whisper-1',
    response_format: 'verbose_json',
    timestamp_granularities: ['word', 'segment'],
  })
  expect(transcript).toMatchObject({ ...SPOKEN, usage: { type: 'duration', seconds: 12.34 } })
  const form = await formOf(groq.requests.at(-1) as ReceivedRequest)
  expect(form.getAll('timestamp_granularities[]')).toEqual(['word', 'segment'])
})

test('a model in tokens is billed by its tokens of sound and of text', async () => {
  const usage = {
    type: 'tokens',
    input_tokens: 14,
    output_tokens: 45,
    total_tokens: 59,
    input_token_details: { audio_tokens: 10, text_tokens: 4 },
  }
  serve({ openai: [json(200, { text: 'hi', usage })] })
  const transcript = await client.audio.transcriptions.create({
    file: await speech(),
    model: 'gpt-4o-transcribe',
  })
  expect(transcript).toMatchObject({ text: 'hi', usage })
  // 4 × $2.50 + 10 × $6 + 45 × $10 a million.
  expect(lastRow()).toMatchObject({
    prompt_tokens: 14,
    audio_prompt_tokens: 10,
    completion_tokens: 45,
    cost_nano: 520_000,
  })
})

test('a streamed transcript passes as it comes, with the usage of its last event', async () => {
  const events = [
    { type: 'transcript.text.delta', delta: 'One' },
    { type: 'transcript.text.done', text: 'One', usage: { type: 'duration', seconds: 7 } },
  ]
  serve({ openai: [sse(...events)] })
  const stream = await client.audio.transcriptions.create({
    file: await speech(),
    model: 'gpt-transcribe',
    stream: true,
  })
  const received: unknown[] = []
  for await (const event of stream) received.push(event)
  expect(received).toEqual(events)
  expect((await formOf(openai.requests.at(-1) as ReceivedRequest)).get('stream')).toBe('true')
  // 7 seconds at $0.27 an hour.
  expect(lastRow()).toMatchObject({ sound_ms: 7000, cost_nano: 525_000, streamed: 1 })
})

test('a model that does not stream gives its transcript as two events', async () => {
  serve({ groq: [json(200, SPOKEN)] })
  const stream = await client.audio.transcriptions.create({
    file: await speech(),
    model: 'whisper-1',
    stream: true,
  })
  const types: string[] = []
  for await (const event of stream) types.push(event.type)
  expect(types).toEqual(['transcript.text.delta', 'transcript.text.done'])
})

test('a translation goes to its own route, with the model that translates', async () => {
  serve({ groq: [json(200, SPOKEN)] })
  const translation = await client.audio.translations.create({ file: await speech(), model: 'whisper-1' })
  expect(translation).toMatchObject({ text: ' One two.' })
  expect(groq.requests.at(-1)?.path).toBe('/v1/audio/translations')
})

test('OpenRouter’s JSON with base64 becomes the same form', async () => {
  serve({ groq: [json(200, SPOKEN)] })
  const { status, json: body } = await broker.post('/api/v1/audio/transcriptions', {
    model: 'whisper-1',
    input_audio: { data: wavFile(1).toString('base64'), format: 'wav' },
    timestamp_granularities: ['word'],
  })
  expect(status).toBe(200)
  expect(body).toMatchObject({ text: ' One two.', usage: { cost: 0.000380483 } })
  const form = await formOf(groq.requests.at(-1) as ReceivedRequest)
  expect((form.get('file') as File).name).toBe('audio.wav')
  expect(form.getAll('timestamp_granularities[]')).toEqual(['word'])
})

test('a provider that reports no length leaves the file’s own, with bounds by its size', async () => {
  serve({ groq: [json(200, { text: 'hi' })] })
  await client.audio.transcriptions.create({ file: await speech(20), model: 'whisper-1' })
  const row = lastRow()
  expect(row).toMatchObject({ sound_ms: 20_000, cost_nano: 616_667, count_source: 'bounded', unpriced: 0 })
  expect(Number(row?.['cost_low_nano'])).toBeLessThanOrEqual(616_667)
  expect(Number(row?.['cost_high_nano'])).toBeGreaterThan(616_667)
})

test.each([
  [{ model: 'gpt-transcribe', response_format: 'srt' }, /response_format/],
  [{ model: 'gpt-4o-transcribe', response_format: 'verbose_json' }, /response_format/],
  [{ model: 'whisper-1', response_format: 'diarized_json' }, /response_format/],
  [{ model: 'whisper-1', response_format: 'mp3' }, /“response_format”/],
  [{ model: 'whisper-1', temperature: 9 }, /“temperature”/],
  [{ model: 'gpt-4o-mini' }, /model for chat/],
])('%j is refused by name, and no provider is asked', async (fields, message) => {
  serve({ groq: [json(200, SPOKEN)], openai: [json(200, SPOKEN)] })
  const asked = groq.requests.length + openai.requests.length
  const body = { file: await speech(1), ...fields } as Parameters<
    typeof client.audio.transcriptions.create
  >[0]
  await expect(client.audio.transcriptions.create(body)).rejects.toThrow(message)
  expect(groq.requests.length + openai.requests.length).toBe(asked)
})

test('a repeat with the same Idempotency-Key gets the same transcript, although its boundary differs', async () => {
  serve({ groq: [json(200, SPOKEN)] })
  const asked = groq.requests.length
  const options = { headers: { 'Idempotency-Key': 'write-it-once' } }
  const body = { model: 'whisper-1', response_format: 'text' } as const
  const first = await client.audio.transcriptions.create({ ...body, file: await speech(2) }, options)
  const again = await client.audio.transcriptions.create({ ...body, file: await speech(2) }, options)
  expect(again).toBe(first)
  expect(groq.requests.length).toBe(asked + 1)
  const other = client.audio.transcriptions.create({ ...body, file: await speech(3) }, options)
  await expect(other).rejects.toThrow(/Idempotency-Key/)
})
