import type { FastifyReply, FastifyRequest } from 'fastify'
import { anthropicMessages } from '../../../dialects/anthropic/anthropic.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import { jsonBodyOf } from '../../../wire/json/json-body.ts'
import { spliceFields } from '../../../wire/json/splice-fields.ts'
import { dialectRequestOf } from '../inference/requested-models.ts'
import type { BodyReader } from '../inference/route-parts.ts'
import { countChat } from './count-chat.ts'

/**
 * `POST /messages/count_tokens`: about how many tokens a prompt has, by the broker's own count. No provider is called. Throws
 * what routing throws when the caller may use no such model.
 */
export async function postCountTokens(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
  readBody: BodyReader,
): Promise<object> {
  const received = readBody(request)
  // The Messages API requires the field, and this route does not have it.
  const body = jsonBodyOf(spliceFields(received, new Map([['max_tokens', '1']])))
  const chat = anthropicMessages.readRequest(dialectRequestOf(request, body))
  const input_tokens = await countChat(request, chat, services)
  return { input_tokens, context_management: { original_input_tokens: input_tokens } }
}
