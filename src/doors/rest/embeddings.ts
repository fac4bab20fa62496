import { embedding } from '../../broker/embedding.ts'
import type { Rooms } from '../../broker/rooms.ts'
import { parseEmbeddingRequest } from '../../wire/embedding.ts'
import type { DoorReply, DoorRequest } from '../http/exchange.ts'
import { askerOf } from './asker-of.ts'
import { answerOn, bodyOf } from './asking.ts'

/** `POST /embeddings`. */
export async function postEmbeddings(request: DoorRequest, reply: DoorReply, rooms: Rooms): Promise<void> {
  await answerOn(reply, rooms, async (sink) => {
    const asked = parseEmbeddingRequest(bodyOf(request))
    sink.expect({ model: asked.wishes.model, streamed: false, object: 'list' })
    await embedding(asked, askerOf(request, rooms), sink, rooms)
  })
}
