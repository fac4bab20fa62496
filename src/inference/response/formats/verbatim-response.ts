import { isObject } from '../../../wire/json/json-body.ts'
import type { ChatChoice, ChatChunk } from '../../../wire/openai/chat.ts'
import type { ResponseFormatter } from '../response-formatter.ts'
import type { ResponseShape } from '../response-shape.ts'

/**
 * Passes a response of another broker on as it is, except where the caller's API has another shape, and except when other
 * attempts here may have to be paid, too: then the bounds of all of them replace its own. One formatter per attempt.
 * @param bounds of the cost of all attempts; `undefined` when the response's own are right.
 */
export function verbatimFormatter(shape: ResponseShape, bounds: () => object | undefined): ResponseFormatter {
  let hasEnded = false

  const written = (json: string, response: ChatChunk, reshaped: ChatChunk, isBilled: boolean): string => {
    const ours = isBilled ? bounds() : undefined
    if (ours === undefined) return reshaped === response ? json : JSON.stringify(reshaped)
    const envelope = isObject(response.x_aibroker) ? response.x_aibroker : {}
    return JSON.stringify({ ...reshaped, x_aibroker: { ...envelope, ...ours } })
  }
  return {
    formatResponse: (json, response) => written(json, response, withFingerprint(response, shape), true),
    formatChunk(json, chunk) {
      const isBilled = isObject(chunk.usage)
      const isLast = (chunk.choices ?? []).some(isEnd)
      if (!isBilled && !isLast && chunk.system_fingerprint !== null) return json
      const plain = withFingerprint(chunk, shape)
      const reshaped =
        isBilled && (hasEnded || !isLast) ? withUsageChoices(plain, shape) : withLastDeltas(plain, shape)
      hasEnded ||= isLast
      return written(json, chunk, reshaped, isBilled)
    },
    finalChunk: () => undefined,
  }
}

/** Puts the pieces of one stored response, one after the other, into a shape: it may have been stored in another one. */
export function createReshaper(shape: ResponseShape, streamed: boolean): (json: string) => string {
  const formatter = verbatimFormatter(shape, () => undefined)
  if (streamed) return (json) => formatter.formatChunk(json, JSON.parse(json) as ChatChunk) ?? json
  return (json) => {
    const response = JSON.parse(json) as ChatChunk
    // Embeddings have neither choices nor a fingerprint.
    const lacksNull =
      shape.hasNullFingerprint && response.system_fingerprint === undefined && response.choices
    return lacksNull
      ? JSON.stringify({ ...response, system_fingerprint: null })
      : formatter.formatResponse(json, response)
  }
}

function isEnd({ finish_reason: reason }: ChatChoice): boolean {
  return typeof reason === 'string'
}

function withFingerprint(response: ChatChunk, { hasNullFingerprint }: ResponseShape): ChatChunk {
  if (response.system_fingerprint !== null || hasNullFingerprint) return response
  const { system_fingerprint: _none, ...others } = response
  return others
}

/** The chunk with the usage after the end: other brokers repeat in it how the response ended, or give it no choices. */
function withUsageChoices(chunk: ChatChunk, shape: ResponseShape): ChatChunk {
  const silent = chunk.object === 'text_completion' ? SILENT_TEXT : SILENT_DELTA
  return { ...chunk, choices: shape.usageChoices(silent) }
}

const SILENT_DELTA = { index: 0, delta: { role: 'assistant', content: '' } }
const SILENT_TEXT = { index: 0, text: '', logprobs: null, reasoning: null }

function withLastDeltas(chunk: ChatChunk, shape: ResponseShape): ChatChunk {
  const choices = (chunk.choices ?? []).map((choice) =>
    isEnd(choice) ? withLastDelta(choice, shape) : choice,
  )
  return { ...chunk, choices }
}

function withLastDelta(choice: ChatChoice, shape: ResponseShape): ChatChoice {
  if (!isObject(choice.delta)) return choice
  const { role: _role, content, ...others } = choice.delta
  return { ...choice, delta: { ...shape.delta(content, true), ...others } }
}
