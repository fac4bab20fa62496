import { BrokerError } from '../base/errors.ts'

/**
 * `undefined` for a refusal to set more money aside: then nobody is asked for more. By a full disk, or by the process that
 * keeps the books where that is another one. Anything else flies on.
 */
export function notCovered(error: unknown): undefined {
  if (error instanceof BrokerError && REFUSALS.has(error.code)) return undefined
  throw error
}

const REFUSALS: ReadonlySet<string> = new Set(['store-full', 'over-budget'])
