import type { FastifyReply, FastifyRequest } from 'fastify'
import { anthropicMessages } from '../../../dialects/anthropic/anthropic.ts'
import { selectFor } from '../../../inference/candidates/select-candidates.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import { countPrompt } from '../../../inference/usage/count-prompt.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import { jsonBodyOf } from '../../../wire/json/json-body.ts'
import { spliceFields } from '../../../wire/json/splice-fields.ts'
import { authenticate } from '../../http/authenticate.ts'
import { dialectRequestOf } from '../inference/requested-models.ts'
import type { BodyReader } from '../inference/route-parts.ts'

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
  const chat = parseChatRequest(anthropicMessages.readRequest(dialectRequestOf(request, body)))
  const query = { kind: 'chat', requested: chat.routing, strategy: services.strategy } as const
  const { candidates } = selectFor(query, authenticate(request), services)
  const model = candidates[0]?.model ?? chat.routing.model
  const input_tokens = await countPrompt(chat.body, model, services.tokenCounter)
  return { input_tokens, context_management: { original_input_tokens: input_tokens } }
}
