import { asBrokerError } from '../../../base/errors.ts'
import type { ClientDialect } from '../../../dialects/client-dialect.ts'
import { OPENROUTER_RESPONSES } from '../../../inference/response/response-shape.ts'
import type { ApiShape } from './api-shape.ts'

/** An API in a dialect of its own: the pipeline writes for OpenRouter's clients, which is the most there is to translate. */
export function dialectShape(dialect: ClientDialect): ApiShape {
  return {
    responses: OPENROUTER_RESPONSES,
    renderError: (thrown) => dialect.renderError(asBrokerError(thrown)),
    createEvents: (facts) => dialect.createEncoder(facts),
    readRequest: (request) => dialect.readRequest(request),
    idHeaders: (id) => dialect.idHeaders(id),
  }
}
