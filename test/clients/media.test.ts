import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientsOn } from '../support/openrouter-clients.ts'
import { portTo } from '../support/port-to-socket.ts'
import { openaiAt } from '../support/providers-env.ts'
import { pythonWithClients } from '../support/python-clients.ts'
import { runProcess } from '../support/run-cli.ts'
import {
  json,
  scriptedUpstream,
  type ReceivedRequest,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { wavFile } from '../support/sounds.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MODELS = `models:
  speaker: { kind: speech, backends: [{ provider: openai, model_id: tts-1, character_cost: 15 }] }
  listener: { kind: transcription, backends: [{ provider: openai, model_id: whisper-1, hour_cost: 0.36 }] }
  painter: { kind: image, backends: [{ provider: openai, model_id: gpt-image-1, input_cost: 5, output_cost: 40 }] }
  reranker: { kind: rerank, backends: [{ provider: openai, model_id: rerank, search_unit_cost: 0.002 }] }
  omni-moderation-latest: { kind: moderation, backends: [{ provider: openai, model_id: omni, input_cost: 0 }] }
`
const SPOKEN = {
  task: 'transcribe',
  language: 'english',
  duration: 2,
  text: 'One two.',
  segments: [{ id: 0, start: 0, end: 1.5, text: 'One two.' }],
}
const RESPONSES: Readonly<Record<string, object>> = {
  '/v1/audio/transcriptions': SPOKEN,
  '/v1/images/generations': {
    created: 1,
    data: [{ b64_json: 'AA==' }],
    usage: {
      input_tokens: 9,
      output_tokens: 272,
      total_tokens: 281,
      input_tokens_details: { text_tokens: 9, image_tokens: 0 },
    },
  },
  '/v1/rerank': {
    id: 'r',
    results: [{ index: 1, relevance_score: 0.9 }],
    meta: { billed_units: { search_units: 1 } },
  },
  '/v1/moderations': {
    id: 'm',
    model: 'omni',
    results: [{ flagged: true, categories: { violence: true }, category_scores: { violence: 0.9 } }],
  },
}
const SOUND = 'not really a sound'

let upstream: ScriptedUpstream
let broker: Broker
const folder = tempFolder()

beforeAll(async () => {
  upstream = await scriptedUpstream(({ path }: ReceivedRequest) =>
    path === '/v1/audio/speech'
      ? [(response) => response.writeHead(200, { 'content-type': 'audio/mpeg' }).end(SOUND)]
      : [json(200, RESPONSES[path] ?? {})],
  )
  const models = join(folder.path, 'models.yml')
  writeFileSync(models, MODELS)
  broker = await startBroker({ env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: models } })
})

afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

test('@openrouter/sdk speaks, transcribes, paints and reranks over a Unix socket', async () => {
  await using clients = clientsOn(broker.sockets.rest)
  const { openrouter } = clients
  const sound = await openrouter.tts.createSpeech({
    speechRequest: { model: 'speaker', input: 'Hello!', voice: 'alloy' },
  })
  expect(await new Response(sound).text()).toBe(SOUND)
  const transcript = await openrouter.stt.createTranscription({
    sttRequest: {
      model: 'listener',
      inputAudio: { data: wavFile(2).toString('base64'), format: 'wav' },
    },
  })
  expect(transcript.text).toBe('One two.')
  const made = await openrouter.images.generate({
    imageGenerationRequest: { model: 'painter', prompt: 'an otter' },
  })
  expect(made).toMatchObject({ data: [{ b64Json: 'AA==' }] })
  const ranked = await openrouter.rerank.rerank({
    requestBody: { model: 'reranker', query: 'q', documents: ['a', 'b'] },
  })
  expect(ranked).toMatchObject({ results: [{ index: 1, relevanceScore: 0.9, document: { text: 'b' } }] })
  expect(broker.rows().map(({ kind }) => kind)).toEqual(['speech', 'transcription', 'image', 'rerank'])
})

const python = pythonWithClients()

test.skipIf(python === undefined)(
  'openai of Python speaks, transcribes, paints and moderates (run .ci/install-python-clients.sh)',
  async () => {
    const soundFile = join(folder.path, 'sound.wav')
    writeFileSync(soundFile, wavFile(2))
    using port = await portTo(broker.sockets.rest)
    const script = join(import.meta.dirname, 'python_media.py')
    const { exit, out, err } = await runProcess(python ?? '', [script, `${port.url}/v1`, soundFile])
    expect([exit, err]).toEqual([0, ''])
    expect(JSON.parse(out)).toEqual({
      speech: SOUND,
      transcript: 'One two.',
      subtitles: '1\n00:00:00,000 --> 00:00:01,500\nOne two.\n',
      image: ['AA==', 272],
      moderation: [true, true],
      refused: ['BadRequestError', expect.anything(), 'n'],
    })
  },
  60_000,
)
