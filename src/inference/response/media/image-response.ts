import { isObject } from '../../../wire/json/json-body.ts'
import type { ImageRequest } from '../../../wire/openai/media/image.ts'
import type { ResponseFormatter, ResponseInfo } from '../response-formatter.ts'
import { envelopeHeaders, jsonFormatter } from './media-response.ts'

/** Formats images. A stream passes as it comes; images that came whole although a stream was wanted become its last events. */
export function imageFormatter(
  info: ResponseInfo,
  { stream, operation }: Pick<ImageRequest, 'stream' | 'operation'>,
): ResponseFormatter {
  const plain = jsonFormatter(info)
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
