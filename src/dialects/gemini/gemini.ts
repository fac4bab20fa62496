import type { ClientDialect } from '../client-dialect.ts'
import { renderError } from './client/errors.ts'
import { readRequest } from './client/request/request-in.ts'
import { ContentEncoder } from './client/response/response-encoder.ts'

/** Google's Gemini API: https://ai.google.dev/api/generate-content. */
export const geminiContent: ClientDialect = {
  name: 'gemini',
  readRequest,
  createEncoder: (facts) => new ContentEncoder(facts),
  renderError,
  idHeaders: () => ({}),
}
