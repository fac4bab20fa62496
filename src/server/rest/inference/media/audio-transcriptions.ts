import { BrokerError } from '../../../../base/errors.ts'
import { transcription } from '../../../../inference/media/transcription.ts'
import {
  parseTranscriptionForm,
  type TranscriptionRequest,
} from '../../../../wire/openai/media/transcription.ts'
import type { HttpReply, HttpRequest } from '../../../http/node/request-types.ts'
import { readForm, type ReceivedForm } from './read-form.ts'
import { readTranscriptionJson } from './transcription-json.ts'
import { requestContextOf } from '../request-context.ts'
import { respond, type InferenceRouteParts } from '../respond.ts'

/** `POST /audio/transcriptions`: a form with a file, or OpenRouter’s JSON with the file in base64. */
export function postTranscription(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
): Promise<void> {
  return transcribe(request, reply, parts, false)
}

/** `POST /audio/translations`. */
export function postTranslation(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
): Promise<void> {
  return transcribe(request, reply, parts, true)
}

async function transcribe(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
  translates: boolean,
): Promise<void> {
  const { services, uploads } = parts
  if (uploads === undefined) throw new BrokerError('internal', 'this process takes no files')
  // The caller is known, or refused, before its file is taken.
  const context = requestContextOf(request, services)
  const isForm = /^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')
  await using form = isForm
    ? await readForm(request, uploads)
    : await readTranscriptionJson(parts.readBody(request), uploads)
  const parsed = parseTranscriptionForm(form.fields, fileOf(form), translates)
  await respond(
    reply,
    parts,
    (sink) => {
      sink.prepare({ model: parsed.routing.model, stream: false, object: '' })
      return transcription(parsed, context, sink, services)
    },
    { content: () => form.digest, query: () => queryOf(parsed), isCacheable: false },
  )
}

function fileOf({ files }: ReceivedForm): TranscriptionRequest['file'] {
  const [first, second] = files
  if (first === undefined)
    throw new BrokerError('bad-request', 'the form has no file: send the sound as the part “file”')
  if (second !== undefined || first.name !== 'file')
    throw new BrokerError('bad-request', 'the form should have one file, in the part “file”')
  return first.file
}

function queryOf({ routing }: TranscriptionRequest) {
  return { kind: 'transcription', requested: routing } as const
}
