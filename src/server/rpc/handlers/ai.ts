import { generationId } from '../../../base/ids.ts'
import type { RequestContext } from '../../../inference/request/inference-request.ts'
import { BrokerError } from '../../../base/errors.ts'
import { countRefusal } from '../../../inference/admission/refusal-counter.ts'
import { chat } from '../../../inference/chat.ts'
import { speech } from '../../../inference/media/speech.ts'
import { transcription } from '../../../inference/media/transcription.ts'
import { parseSpeechRequest } from '../../../wire/openai/media/speech.ts'
import { parseTranscriptionForm } from '../../../wire/openai/media/transcription.ts'
import { readTranscriptionJson } from '../../http/uploads/transcription-json.ts'
import { embedding } from '../../../inference/embedding.ts'
import type { AdminServices, HttpServices } from '../../../inference/services/services.ts'
import type { Caller } from '../../../auth/caller.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import { parseEmbeddingRequest } from '../../../wire/openai/embedding.ts'
import { jsonBodyOf } from '../../../wire/json/json-body.ts'
import type { Result } from '../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../calls/handler-types.ts'
import { BufferedResponseSink } from '../calls/buffered-response-sink.ts'

export interface AiFacts {
  readonly services: AdminServices
  readonly http: HttpServices
}

/** Runs chats and embeddings like the REST routes do. Params win over the same field in `options`. */
export function aiHandlers({
  services,
  http,
}: AiFacts): HandlersOf<'ai.chat' | 'ai.embed' | 'ai.transcribe' | 'ai.tts'> {
  return {
    'ai.chat': async ({ options, model = 'auto', ...params }, caller, signal) => {
      const request = parseChatRequest(bodyOf({ ...options, model, ...params, stream: false }))
      const response = await bufferedResponse({ services, http }, caller, signal, (context, sink) =>
        chat(request, context, sink, services),
      )
      return response as Result<'ai.chat'>
    },
    'ai.embed': async ({ options, ...params }, caller, signal) => {
      const request = parseEmbeddingRequest(bodyOf({ ...options, ...params }))
      const response = await bufferedResponse({ services, http }, caller, signal, (context, sink) =>
        embedding(request, context, sink, services),
      )
      return response as Result<'ai.embed'>
    },
    'ai.transcribe': async ({ audio, format, options, model = 'auto', ...params }, caller, signal) => {
      const { uploads } = http
      if (uploads === undefined) throw new BrokerError('internal', 'this process takes no files')
      const body = bodyOf({ ...options, model, ...params, input_audio: { data: audio, format } })
      await using form = await readTranscriptionJson(body, uploads)
      const [sound] = form.files
      if (sound === undefined) throw new BrokerError('bad-request', 'there is no sound')
      const request = parseTranscriptionForm(form.fields, sound.file)
      if (!request.format.endsWith('json') || request.stream)
        throw new BrokerError(
          'bad-request',
          'options.response_format should be json or verbose_json, without stream',
        )
      const response = await bufferedResponse({ services, http }, caller, signal, (context, sink) =>
        transcription(request, context, sink, services),
      )
      return response as Result<'ai.transcribe'>
    },
    'ai.tts': async ({ format, options, model = 'auto', ...params }, caller, signal) => {
      const wanted = format === undefined ? {} : { response_format: format }
      const request = parseSpeechRequest(bodyOf({ ...options, model, ...wanted, ...params }))
      if (request.asEvents) throw new BrokerError('bad-request', 'options.stream_format should be audio')
      const sink = await buffered({ services, http }, caller, signal, (context, target) =>
        speech(request, context, target, services),
      )
      const { bytes, contentType } = sink.sound
      return { id: sink.id, audio: bytes.toString('base64'), content_type: contentType }
    },
  }
}

function bodyOf(request: object) {
  return jsonBodyOf(JSON.stringify(request))
}

async function bufferedResponse(...call: Parameters<typeof buffered>): Promise<unknown> {
  return JSON.parse((await buffered(...call)).json)
}

async function buffered(
  { services, http }: AiFacts,
  caller: Caller,
  signal: AbortSignal,
  run: (context: RequestContext, sink: BufferedResponseSink) => Promise<void>,
): Promise<BufferedResponseSink> {
  const release = acquireFor(caller, { services, http })
  try {
    const sink = new BufferedResponseSink(generationId(services.clock.now()), signal)
    await run({ caller, ...services.attribution }, sink)
    // RPC clients often read the ledger next, so the entry is written first.
    await services.ledger.whenWritten()
    return sink
  } finally {
    release()
  }
}

function acquireFor(caller: Caller, { services, http }: AiFacts): () => void {
  try {
    return http.concurrencyLimit.acquire()
  } catch (error) {
    countRefusal(services.refusals, caller, error)
    throw error
  }
}
