import { OPENAI_RESPONSES } from '../../../inference/response/response-shape.ts'
import { renderOpenAiError } from '../../http/errors/openai-error.ts'
import type { ApiShape, ResponseEvents } from './api-shape.ts'

const EVENTS: ResponseEvents = {
  // The comment is OpenRouter's; any client skips comments.
  keepAlive: ': OPENROUTER PROCESSING\n\n',
  chunk: (json) => `data: ${json}\n\n`,
  end: () => 'data: [DONE]\n\n',
  // The error alone: `sashabaranov/go-openai` and `@ai-sdk/openai` know it by that, and take a chunk with an error for a chunk.
  fail: (error) => `data: ${JSON.stringify({ error: renderOpenAiError(error).body.error })}\n\n`,
  body: (json) => json,
}

/** OpenAI's API: errors with a type, a param and a textual code, and an error in a stream as an event of its own. */
export const OPENAI: ApiShape = {
  responses: OPENAI_RESPONSES,
  renderError: renderOpenAiError,
  createEvents: () => EVENTS,
}
