import type { ClientDialect } from '../client-dialect.ts'
import { renderError } from './client/errors.ts'
import { readRequest } from './client/request/request-in.ts'
import { ResponsesEncoder } from './client/response-encoder.ts'

/** OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses. */
export const openAiResponses: ClientDialect = {
  name: 'responses',
  readRequest,
  createEncoder: (facts) => new ResponsesEncoder(facts),
  renderError,
  idHeaders: () => ({}),
}
