import type { JsonBody } from '../wire/json-body.ts'

/** Providers cache prompts from about 1,024 tokens on; for less, sharing the load is worth more than the cache. */
const LEAST_PREFIX_BYTES = 4096
/**
 * A number that requests have in common when a provider's prompt cache could serve them: the same `session_id`, the same
 * `prompt_cache_key`, else the same long beginning. `undefined` when nothing is gained by asking the same key again.
 */
export function stickinessOf({ value, fields, bytes }: JsonBody): number | undefined {
  const named = value['session_id'] ?? value['prompt_cache_key']
  if (typeof named === 'string' && named !== '') return hash(new TextEncoder().encode(named))
  const messages = fields.get('messages')
  if (messages === undefined) return undefined
  const prefix = bytes.subarray(messages.valueFrom, messages.valueTo)
  return prefix.length < LEAST_PREFIX_BYTES ? undefined : hash(prefix.subarray(0, LEAST_PREFIX_BYTES))
}

/** FNV-1a, 32 bits. */
function hash(bytes: Uint8Array): number {
  let mixed = 0x811c9dc5
  for (let at = 0; at < bytes.length; at++) mixed = Math.imul(mixed ^ (bytes[at] ?? 0), 0x01000193)
  return mixed >>> 0
}
