import { speech } from '../../../../inference/media/speech.ts'
import { parseSpeechRequest } from '../../../../wire/openai/media/speech.ts'
import { bytesOf, type HttpReply, type HttpRequest } from '../../../http/node/request-types.ts'
import { requestContextOf } from '../request-context.ts'
import { respond, type InferenceRouteParts } from '../respond.ts'

/** `POST /audio/speech`: the sound as it comes, or as server-sent events. */
export function postSpeech(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
): Promise<void> {
  const { services, readBody } = parts
  const infer: Parameters<typeof respond>[2] = (sink) => {
    const speechRequest = parseSpeechRequest(readBody(request))
    sink.prepare({ model: speechRequest.routing.model, stream: false, object: '' })
    return speech(speechRequest, requestContextOf(request, services), sink, services)
  }
  return respond(reply, parts, infer, {
    content: () => bytesOf(request),
    query: () => ({ kind: 'speech', requested: parseSpeechRequest(readBody(request)).routing }),
    isCacheable: false,
  })
}
