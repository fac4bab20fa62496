import { usdNumber } from '../../../base/money.ts'
import { isObject } from '../../../wire/json/json-body.ts'
import type { ChatChunk } from '../../../wire/openai/chat.ts'
import type { ResponseFormatter, ResponseHead, ResponseInfo } from '../response-formatter.ts'

/** A longer header is refused by some clients. */
const MAX_HEADER = 4096

/**
 * The formatter of a response that passes as bytes. What other responses have in their JSON is in the header `x-aibroker`.
 *
 * @param contentType where the provider names none.
 */
export function passingFormatter(info: ResponseInfo, contentType: string): ResponseFormatter {
  return {
    formatResponse: (json) => json,
    formatChunk: () => undefined,
    finalChunk: () => undefined,
    head: (received) => ({
      contentType: received === undefined || received === '' ? contentType : received,
      headers: envelopeHeaders(info),
    }),
  }
}

/** The `x_aibroker` object of a response that has no place for it. */
export function envelopeHeaders(info: ResponseInfo): ResponseHead['headers'] {
  const text = asciiJson(info.envelope())
  if (text.length <= MAX_HEADER) return { 'x-aibroker': text }
  return { 'x-aibroker': asciiJson({ ...info.envelope(), failed_attempts: undefined }).slice(0, MAX_HEADER) }
}

/** JSON may be in a header once every other character is escaped. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The formatter of a JSON response that keeps the provider's own fields and gets the `x_aibroker` object. */
export function jsonFormatter(info: ResponseInfo): ResponseFormatter {
  return {
    formatResponse: (_json, response) =>
      JSON.stringify({ ...withCost(response, info), x_aibroker: { id: info.id, ...info.envelope() } }),
    formatChunk: () => undefined,
    finalChunk: () => undefined,
  }
}

function withCost(response: ChatChunk, info: ResponseInfo): ChatChunk {
  const cost = info.cost()
  if (!isObject(response.usage) || cost === undefined) return response
  return { ...response, usage: { ...response.usage, cost: usdNumber(cost) } }
}
