import { OPENROUTER_RESPONSES } from '../../../inference/response/response-shape.ts'
import { renderError } from '../../http/errors/error-response.ts'
import type { ApiShape, ResponseEvents } from './api-shape.ts'

const EVENTS: ResponseEvents = {
  keepAlive: ': OPENROUTER PROCESSING\n\n',
  chunk: (json) => `data: ${json}\n\n`,
  end: () => 'data: [DONE]\n\n',
  fail(error, { id, object, created, model, provider, hasSentChunk }) {
    const choice = { index: 0, delta: { role: 'assistant', content: '' }, finish_reason: 'error' }
    const choices = hasSentChunk ? [{ ...choice, native_finish_reason: 'error' }] : []
    const chunk = { id, object, created, model, provider, ...renderError(error).body, choices }
    return `data: ${JSON.stringify(chunk)}\n\n`
  },
  body: (json) => json,
}

/** OpenRouter's API: errors with a number, and an error in a stream as a chunk that ends its choice. */
export const OPENROUTER: ApiShape = {
  responses: OPENROUTER_RESPONSES,
  renderError,
  createEvents: () => EVENTS,
}
