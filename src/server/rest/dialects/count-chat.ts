import { selectFor } from '../../../inference/candidates/select-candidates.ts'
import type { InferenceServices } from '../../../inference/services/services.ts'
import { countPrompt } from '../../../inference/usage/count-prompt.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import { authenticate } from '../../http/authenticate.ts'
import type { HttpRequest } from '../../http/node/request-types.ts'

/** About how many tokens the prompt of a chat has. Throws what routing throws when the caller may use no such model. */
export async function countChat(
  request: HttpRequest,
  body: JsonBody,
  services: InferenceServices,
): Promise<number> {
  const chat = parseChatRequest(body)
  const query = { kind: 'chat', requested: chat.routing, strategy: services.strategy } as const
  const { candidates } = selectFor(query, authenticate(request), services)
  return countPrompt(chat.body, candidates[0]?.model ?? chat.routing.model, services.tokenCounter)
}
