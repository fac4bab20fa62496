import type { ClientDialect } from '../client-dialect.ts'
import { renderError } from './client/errors.ts'
import { readRequest } from './client/request-in.ts'
import { MessageEncoder } from './client/response-encoder.ts'

/** Anthropic's Messages API: https://docs.anthropic.com/en/api/messages. */
export const anthropicMessages: ClientDialect = {
  name: 'anthropic',
  readRequest,
  createEncoder: (facts) => new MessageEncoder(facts),
  renderError,
  // What Anthropic's SDKs expose as `_request_id`.
  idHeaders: (id) => ({ 'request-id': id }),
}
