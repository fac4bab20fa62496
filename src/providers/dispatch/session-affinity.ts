import type { ProviderRequest } from '../provider.ts'

/** Providers cache prompts from about 1,024 tokens on; below that, sharing the load is worth more than the cache. */
const MIN_PREFIX = 4096

/**
 * A number that requests have in common when a provider's prompt cache could serve them: the same `session_id` in the body
 * or as a header, the same `prompt_cache_key`, else the same long beginning. `undefined` when there is nothing to gain from
 * using the same key again.
 */
export function affinityOf({ body, headers }: Pick<ProviderRequest, 'body' | 'headers'>): number | undefined {
  const { value, fields, text } = body
  const named = value['session_id'] ?? headers?.['x-session-id'] ?? value['prompt_cache_key']
  if (typeof named === 'string' && named !== '') return hash(named, 0, named.length)
  const messages = fields.get('messages')
  if (messages === undefined || messages.valueTo - messages.valueFrom < MIN_PREFIX) return undefined
  return hash(text, messages.valueFrom, messages.valueFrom + MIN_PREFIX)
}

/** FNV-1a over UTF-16 units, 32 bits. */
function hash(text: string, from: number, to: number): number {
  let mixed = 0x811c9dc5
  for (let at = from; at < to; at++) mixed = Math.imul(mixed ^ text.charCodeAt(at), 0x01000193)
  return mixed >>> 0
}
