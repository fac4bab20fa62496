import type { ClientDialect } from '../client-dialect.ts'
import { renderError } from './errors.ts'
import { readRequest } from './request-in.ts'
import { MessageEncoder } from './response-encoder.ts'

/** Anthropic's Messages API: https://docs.anthropic.com/en/api/messages. */
export const anthropicMessages: ClientDialect = {
  name: 'anthropic',
  readRequest,
  createEncoder: (facts) => new MessageEncoder(facts),
  renderError,
  // What Anthropic's SDKs expose as `_request_id`.
  idHeaders: (id) => ({ 'request-id': id }),
}
