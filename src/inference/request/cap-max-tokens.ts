import { parseJsonBody, type JsonBody } from '../../wire/json/json-body.ts'
import { spliceFields } from '../../wire/json/splice-fields.ts'

const encoder = new TextEncoder()

/** The body with this bound on the length of each answer. */
export function shortened(body: JsonBody, tokens: number): JsonBody {
  const changes = new Map([
    ['max_tokens', String(tokens)],
    ['max_completion_tokens', undefined],
  ])
  return parseJsonBody(encoder.encode(spliceFields(body, changes)))
}
