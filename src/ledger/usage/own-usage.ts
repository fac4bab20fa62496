import type { Caller } from '../../auth/caller.ts'
import type { UsageFilter } from '../types.ts'

/** Selects the entries of one caller: of its address, context and token, and of no other caller of the same address. */
export function ownUsage({ ip, context = '', token = '' }: Caller): UsageFilter {
  return { ip, context, token }
}
