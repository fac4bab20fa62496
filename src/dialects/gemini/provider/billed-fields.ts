import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import type { Fields } from '../../chat-vocabulary.ts'

/**
 * Hosted tools that are billed by their tokens alone (https://ai.google.dev/gemini-api/docs/pricing, unread): all others have
 * prices of their own, which the broker does not know.
 */
const UNBILLED_TOOLS = new Set(['codeExecution', 'urlContext'])

export function isBilledTool(tool: unknown): boolean {
  return isObject(tool) && Object.keys(tool).some((name) => !UNBILLED_TOOLS.has(name))
}

/** Fields of the request that change its price, or keep something that is billed or belongs to another request. */
const BILLED = new Set(['serviceTier', 'store'])
/** What is made with them costs other prices, or is of no account of the caller's. */
const REFUSED = new Set(['cachedContent', 'continuationToken'])

/** The fields of a request without those that are billed on their own. */
export function withoutBilledFields(fields: Fields, carried: CarriedFields): Fields {
  const kept = Object.entries(fields).filter(([name, value]) => {
    if (value === undefined || value === null) return false
    if (REFUSED.has(name)) carried.note('refused', name)
    else if (BILLED.has(name) && value !== 'standard' && value !== false) carried.note('dropped', name)
    else return true
    return false
  })
  return Object.fromEntries(kept)
}

/** Refuses output that has a price of its own: all but text. */
export function refuseMedia(modalities: unknown, carried: CarriedFields): void {
  const all: readonly unknown[] = Array.isArray(modalities) ? modalities : []
  if (all.some((modality) => String(modality).toUpperCase() !== 'TEXT'))
    carried.note('refused', 'generationConfig.responseModalities')
}
