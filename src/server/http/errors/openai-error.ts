import { asBrokerError } from '../../../base/errors.ts'
import { paramOf, typeAndCodeOf } from '../../../wire/openai/error-names.ts'
import { renderError, type ErrorEnvelope, type RenderedError } from './error-response.ts'

/** The body of an error in OpenAI's form: https://platform.openai.com/docs/guides/error-codes, read 2026-11. */
export interface OpenAiErrorEnvelope {
  readonly error: {
    readonly message: string
    readonly type: string
    /** The field of the request that is wrong. */
    readonly param: string | null
    /** Always a text: clients with types cannot read a number here. */
    readonly code: string
    /** The broker's addition, as in OpenRouter's form. */
    readonly metadata: ErrorEnvelope['error']['metadata']
  }
  readonly openrouter_metadata?: object
}

/** Renders a thrown value as `renderError` does, in OpenAI's form. */
export function renderOpenAiError(thrown: unknown): RenderedError<OpenAiErrorEnvelope> {
  const error = asBrokerError(thrown)
  const { status, headers, body } = renderError(error)
  const { message, metadata } = body.error
  const [type, code] = typeAndCodeOf(error)
  return {
    status,
    headers,
    body: { ...body, error: { message, type, param: paramOf(error), code, metadata } },
  }
}
