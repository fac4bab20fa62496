import { addMoney, dollars, formatDollars } from '../../base/money.ts'
import type { Client, Params, Result } from '../../sdk/index.ts'

export const SPLITS = ['model', 'address', 'context', 'token', 'day'] as const

export type Split = (typeof SPLITS)[number]

export type Counts = Result<'usage.summary'>['totals']

/** One group of requests, named by what they were split by. */
export type Group = Counts & { readonly [S in Split]?: string | undefined }

export type Filter = Params<'usage.by_day'>

/** Days in their order, all else the dearest first. */
export async function fetchGroups(client: Client, by: Split, filter: Filter): Promise<readonly Group[]> {
  const groups: readonly Group[] = await client.call(`usage.by_${by}`, filter)
  return by === 'day' ? groups.toSorted((a, b) => (a.day ?? '').localeCompare(b.day ?? '')) : groups
}

export function totalOf(groups: readonly Counts[]): Counts {
  return groups.reduce(added, NONE)
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

function added(a: Counts, b: Counts): Counts {
  return {
    requests: a.requests + b.requests,
    prompt_tokens: a.prompt_tokens + b.prompt_tokens,
    completion_tokens: a.completion_tokens + b.completion_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
    cached_tokens: a.cached_tokens + b.cached_tokens,
    reasoning_tokens: a.reasoning_tokens + b.reasoning_tokens,
    cost_usd: sum(a.cost_usd, b.cost_usd),
    uncertain_usd: sum(a.uncertain_usd, b.uncertain_usd),
    unpriced: a.unpriced + b.unpriced,
  }
}

function sum(a: string, b: string): string {
  return formatDollars(addMoney(dollars(a), dollars(b)))
}
