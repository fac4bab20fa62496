import { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { readBehaviour } from './directives.ts'
import { readBody, readJson, sendBytes, sendJson, type Exchange } from './exchange.ts'
import { modelFor, parse, refuse } from './parse-request.ts'
import { beeps, SAMPLE_RATE, wav, wavSeconds } from './wav.ts'

const speechRequest = z.looseObject({
  model: z.string(),
  input: z.string().min(1).max(4096),
  response_format: z.enum(['wav', 'pcm'], { error: 'loopback makes wav and pcm only' }).nullish(),
})

/** `POST /v1/audio/speech`: a beep of 60 ms per character. Unlike OpenAI's, the default format is WAV. */
export async function speech(exchange: Exchange): Promise<void> {
  const request = parse(speechRequest, await readJson(exchange))
  const model = modelFor(request.model, 'speech')
  const [text, behaviour] = readBehaviour(request.input, model.directives)
  if (await refuse(exchange, behaviour)) return
  const samples = beeps(text)
  if (request.response_format === 'pcm')
    sendBytes(exchange.response, `audio/pcm;rate=${SAMPLE_RATE}`, samples)
  else sendBytes(exchange.response, 'audio/wav', wav(samples))
}

const transcriptionRequest = z.looseObject({
  model: z.string(),
  file: z.instanceof(File, { error: 'a file is required' }),
  prompt: z.string().optional(),
  response_format: z
    .enum(['json', 'text', 'verbose_json'], { error: 'loopback writes json, verbose_json and text only' })
    .optional(),
})

/** `POST /v1/audio/transcriptions`: states name, size and length of the file. Directives are read from the `prompt` field. */
export async function transcriptions(exchange: Exchange): Promise<void> {
  const request = parse(transcriptionRequest, Object.fromEntries(await readForm(exchange)))
  const model = modelFor(request.model, 'transcription')
  const [, behaviour] = readBehaviour(request.prompt ?? '', model.directives)
  if (await refuse(exchange, behaviour)) return
  const seconds = wavSeconds(Buffer.from(await request.file.arrayBuffer()))
  const text = statement(request.file, seconds)
  if (request.response_format === 'text')
    return sendBytes(exchange.response, 'text/plain; charset=utf-8', Buffer.from(`${text}\n`))
  const usage =
    seconds !== undefined && behaviour.reportsUsage
      ? { usage: { type: 'duration', seconds: Math.ceil(seconds) } }
      : {}
  const details =
    request.response_format === 'verbose_json'
      ? { task: 'transcribe', language: 'english', duration: seconds ?? 0, segments: [] }
      : {}
  sendJson(exchange, { ...details, text, ...usage })
}

function statement({ name, size }: File, seconds: number | undefined): string {
  const length = seconds === undefined ? 'of unknown length' : `${seconds.toFixed(2)} seconds long`
  return `I got the sound “${name}”, ${size} bytes, ${length}. I am loopback, a built-in ruler, and cannot listen.`
}

async function readForm(exchange: Exchange): Promise<FormData> {
  const body = await readBody(exchange)
  const type = exchange.request.headers['content-type'] ?? ''
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData()
  } catch (cause) {
    throw new BrokerError('bad-request', 'the body is not a multipart form', { cause })
  }
}
