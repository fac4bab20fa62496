import { isObject } from '../../../wire/json/json-body.ts'
import type { ChatChunk } from '../../../wire/openai/chat.ts'
import type { ImageRequest } from '../../../wire/openai/media/image.ts'
import type { ResponseFormatter, ResponseInfo } from '../response-formatter.ts'
import { envelopeHeaders, jsonFormatter } from './media-response.ts'

/** Formats images. A stream passes as it comes; images that came whole although a stream was wanted become its last events. */
export function imageFormatter(
  info: ResponseInfo,
  { stream, operation }: Pick<ImageRequest, 'stream' | 'operation'>,
): ResponseFormatter {
  const json = jsonFormatter(info)
  const plain: ResponseFormatter = {
    ...json,
    formatResponse: (text, response) => json.formatResponse(text, withTokenNames(response)),
  }
  if (!stream) return plain
  const type = operation === 'generations' ? 'image_generation.completed' : 'image_edit.completed'
  return {
    ...plain,
    formatResponse(_json, { data, ...about }) {
      const images: readonly unknown[] = Array.isArray(data) ? data : []
      return images
        .map((image) => `data: ${JSON.stringify({ type, ...about, ...(isObject(image) ? image : {}) })}\n\n`)
        .join('')
    },
    head: (received) => ({
      contentType: received ?? 'text/event-stream; charset=utf-8',
      headers: envelopeHeaders(info),
    }),
  }
}

/** The usage of images has other names at OpenAI than at OpenRouter, whose clients refuse a response without theirs. */
function withTokenNames(response: ChatChunk): ChatChunk {
  const usage: unknown = response.usage
  if (!isObject(usage) || typeof usage['input_tokens'] !== 'number') return response
  const names = { prompt_tokens: usage['input_tokens'], completion_tokens: usage['output_tokens'] ?? 0 }
  return { ...response, usage: { ...names, ...usage } }
}
