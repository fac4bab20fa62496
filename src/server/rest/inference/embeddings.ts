import { embedding } from '../../../inference/embedding.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import { parseEmbeddingRequest } from '../../../wire/openai/embedding.ts'
import type { DoorReply, DoorRequest } from '../../http/node/request-types.ts'
import { askerOf } from './request-context.ts'
import { answerOn, type BodyReader } from './respond.ts'

/** `POST /embeddings`. */
export async function postEmbeddings(
  request: DoorRequest,
  reply: DoorReply,
  rooms: Rooms,
  readBody: BodyReader,
): Promise<void> {
  await answerOn(reply, rooms, async (sink) => {
    const asked = parseEmbeddingRequest(readBody(request))
    sink.expect({ model: asked.wishes.model, streamed: false, object: 'list' })
    await embedding(asked, askerOf(request, rooms), sink, rooms)
  })
}
