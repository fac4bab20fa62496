import type { Client, Params, Result } from '../../sdk/index.ts'
import { addFields } from './add-fields.ts'

export const SPLITS = ['model', 'address', 'context', 'token', 'day'] as const

export type Split = (typeof SPLITS)[number]

export type Counts = Result<'usage.summary'>['totals']

/** One group of requests, named by the value that they share. */
export type Group = Counts & { readonly [S in Split]?: string | undefined }

export type Filter = Params<'usage.by_day'>

/** Fetches the groups: days in their order, everything else in order of cost, highest first. */
export async function fetchGroups(client: Client, by: Split, filter: Filter): Promise<readonly Group[]> {
  const groups: readonly Group[] = await client.call(`usage.by_${by}`, filter)
  return by === 'day' ? groups.toSorted((a, b) => (a.day ?? '').localeCompare(b.day ?? '')) : groups
}

export function totalOf(groups: readonly Counts[]): Counts {
  return groups.reduce<Counts>(addFields, NONE)
}

const NONE: Counts = {
  requests: 0,
  prompt_tokens: 0,
  completion_tokens: 0,
  total_tokens: 0,
  cached_tokens: 0,
  reasoning_tokens: 0,
  cost_usd: '0',
  uncertain_usd: '0',
  unpriced: 0,
}
