import { createHash } from 'node:crypto'

/** The longest that OpenAI takes: BerriAI/litellm#41590. */
const MAX_ID = 64
const HASH_LENGTH = 16

/** The id of a call, which may be from a provider with longer ones; a pure function, so that its output has the same. */
export function callIdOut(id: unknown): string {
  const text = String(id)
  if (text.length <= MAX_ID) return text
  return `call_${createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH)}`
}
