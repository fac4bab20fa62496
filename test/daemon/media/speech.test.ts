import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openResponse } from '../../support/open-request.ts'
import { openaiClient } from '../../support/openai-client.ts'
import { groqAt, openaiAt } from '../../support/providers-env.ts'
import {
  cut,
  head,
  json,
  raw,
  scriptedUpstream,
  sse,
  stall,
  wait,
  type Step,
} from '../../support/scripted-upstream.ts'
import { startBroker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const sound = (...pieces: readonly string[]): readonly Step[] => [
  head(200, { 'content-type': 'audio/mpeg' }),
  ...pieces.map((piece) => raw(piece)),
]
const CHAIN = `models:
  chain:
    kind: speech
    backends:
      - { provider: groq, model_id: orpheus, character_cost: 22 }
      - { provider: openai, model_id: tts-1, character_cost: 15 }
`
const hello = { model: 'tts-1', input: 'Hello wörld 😀', voice: 'alloy' } as const

test('OpenAI’s client gets the sound as the provider sent it, at the price of its characters', async () => {
  await using upstream = await scriptedUpstream(sound('ID3', 'ÿû'))
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  const response = await client.audio.speech.create(hello)
  expect(Buffer.from(await response.arrayBuffer()).toString()).toBe('ID3ÿû')
  expect(response.headers.get('content-type')).toBe('audio/mpeg')
  const envelope = JSON.parse(response.headers.get('x-aibroker') ?? '')
  // 13 code points at $15 a million.
  expect(envelope).toMatchObject({ provider: 'OpenAI', endpoint: 'openai/tts-1', cost: 0.000195 })
  const request = await upstream.received(0)
  expect(request.path).toBe('/v1/audio/speech')
  expect(request.body).toEqual(hello)
  expect(broker.rows()).toMatchObject([
    {
      kind: 'speech',
      status: 'finished',
      characters: 13,
      cost_nano: 195_000,
      count_source: 'counted',
      unpriced: 0,
    },
  ])
  expect(broker.openHolds()).toBe(0)
})

test('the first sound reaches the caller while the provider still speaks', async () => {
  const rest = Promise.withResolvers<void>()
  await using upstream = await scriptedUpstream([...sound('first'), wait(rest.promise), raw('last')])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  const response = await client.audio.speech.create(hello)
  const reader = response.body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  expect(Buffer.from(value ?? []).toString()).toBe('first')
  rest.resolve()
  const { value: last } = (await reader?.read()) ?? {}
  expect(Buffer.from(last ?? []).toString()).toBe('last')
})

test('events pass byte for byte, and the usage in the last one is billed', async () => {
  const events = [
    { type: 'speech.audio.delta', audio: 'AAAA' },
    { type: 'speech.audio.done', usage: { input_tokens: 14, output_tokens: 101, total_tokens: 115 } },
  ]
  await using upstream = await scriptedUpstream([sse(...events)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  const response = await client.audio.speech.create({
    ...hello,
    model: 'gpt-4o-mini-tts',
    stream_format: 'sse',
  })
  expect(await response.text()).toBe(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''))
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  // 14 × $0.60 and 101 × $12 a million.
  expect(broker.rows()).toMatchObject([
    { prompt_tokens: 14, completion_tokens: 101, cost_nano: 1_220_400, count_source: 'reported' },
  ])
})

test('speech in tokens without a reported usage has a cost within stated bounds', async () => {
  await using upstream = await scriptedUpstream(sound('mp3'))
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  await (await client.audio.speech.create({ ...hello, model: 'gpt-4o-mini-tts' })).arrayBuffer()
  const [row] = broker.rows()
  expect(row).toMatchObject({ status: 'finished', count_source: 'bounded', unpriced: 0 })
  expect(Number(row?.['cost_low_nano'])).toBeLessThan(Number(row?.['cost_nano']))
  expect(Number(row?.['cost_high_nano'])).toBeGreaterThan(Number(row?.['cost_nano']))
})

test.each([
  ['a refusal', [json(500, { error: { message: 'broken' } })]],
  ['JSON in place of sound', [json(200, { error: { message: 'no voice today', code: 503 } })]],
  ['an error as the first event', [sse({ type: 'speech.audio.error', error: { message: 'no' } })]],
])('%s lets the next endpoint speak, and the caller sees nothing of it', async (_name, steps) => {
  await using broken = await scriptedUpstream(steps)
  await using works = await scriptedUpstream(sound('spoken'))
  using folder = tempFolder()
  const models = join(folder.path, 'models.yml')
  writeFileSync(models, CHAIN)
  await using broker = await startBroker({
    env: { ...groqAt(broken), ...openaiAt(works), MODELS_CONFIG_PATH: models },
  })
  await using client = openaiClient(broker.sockets.rest)
  const response = await client.audio.speech.create({ ...hello, model: 'chain' })
  expect(await response.text()).toBe('spoken')
  expect(response.headers.get('x-aibroker-tried')).toMatch(/^groq\/orpheus, .*openai\/tts-1$/)
  expect(broker.rows()).toMatchObject([{ endpoint: 'openai/tts-1', status: 'finished' }])
})

test('sound that breaks off ends with the connection, never as a whole response', async () => {
  await using upstream = await scriptedUpstream([...sound('half'), cut])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  const response = await client.audio.speech.create(hello)
  await expect(response.arrayBuffer()).rejects.toThrow(/terminated|aborted|closed/)
  expect(broker.rows()).toMatchObject([{ status: 'broken', characters: 13, cost_nano: 195_000 }])
})

test('events that end without the last one are a failure, told in one more event', async () => {
  await using upstream = await scriptedUpstream([sse({ type: 'speech.audio.delta', audio: 'AAAA' })])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  const body = { ...hello, model: 'gpt-4o-mini-tts', stream_format: 'sse' } as const
  const text = await (await client.audio.speech.create(body)).text()
  expect(text.split('\n\n')[1]).toMatch(
    /^data: {"type":"error","error":.*ended before the response was complete/,
  )
  expect(broker.rows()).toMatchObject([{ status: 'broken', count_source: 'bounded' }])
})

test('a caller who leaves in the middle of the sound leaves nothing open, and one row', async () => {
  await using upstream = await scriptedUpstream([...sound('half'), stall])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const response = await openResponse({
    socketPath: broker.sockets.rest,
    method: 'POST',
    path: '/v1/audio/speech',
    body: hello,
  })
  await response.until('half')
  response.hangUp()
  const request = await upstream.received(0)
  expect(await request.closed).toBe('hung-up')
  expect(broker.rows()).toMatchObject([{ status: 'cancelled', cost_nano: 195_000, characters: 13 }])
  expect(broker.openHolds()).toBe(0)
})

test('a repeat with the same Idempotency-Key gets the same sound, and is billed once', async () => {
  await using upstream = await scriptedUpstream(sound('once'))
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  const options = { headers: { 'Idempotency-Key': 'say-it-once' } }
  const first = await client.audio.speech.create(hello, options)
  expect(await first.text()).toBe('once')
  const again = await client.audio.speech.create(hello, options)
  expect(await again.text()).toBe('once')
  expect(again.headers.get('content-type')).toBe('audio/mpeg')
  expect(again.headers.get('idempotent-replayed')).toBe('true')
  expect(upstream.requests).toHaveLength(1)
  expect(broker.rows()).toHaveLength(1)
})

test('a wrong field of a speech request is refused by its name', async () => {
  await using broker = await startBroker()
  for (const [field, value] of [
    ['input', ''],
    ['speed', 9],
    ['response_format', 'mp4'],
    ['stream_format', 'x'],
  ] as const) {
    const { status, json: body } = await broker.post('/v1/audio/speech', { ...hello, [field]: value })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain(`“${field}”`)
  }
})
