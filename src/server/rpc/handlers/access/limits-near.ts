import { money, usdText } from '../../../../base/money.ts'
import type { Caller } from '../../../../auth/caller.ts'
import type { Tokens } from '../../../../auth/tokens.ts'
import type { BudgetStatus } from '../../../../limits/limits.ts'
import type { LimitStore } from '../../../../limits/limit-store.ts'
import type { Result } from '../../../../wire/rpc/methods.ts'
import type { HandlersOf, RpcCaller } from '../../calls/handler-types.ts'
import type { ReportFacts } from '../reports/requests.ts'

export interface LimitsNearFacts extends ReportFacts {
  readonly rules: LimitStore
  readonly tokens: Tokens
}

type Standing = Result<'limits.standing'>[number]

const DEFAULT_PERCENT = 80
const DEFAULT_LIMIT = 50
/** Callers whose budgets are looked at, those with the highest cost first. */
const MAX_CALLERS = 1000

export function limitsNearHandlers(facts: LimitsNearFacts): HandlersOf<'limits.near'> {
  return {
    'limits.near': async ({ percent = DEFAULT_PERCENT, limit = DEFAULT_LIMIT }, caller) => {
      const budgets = new Map<string, BudgetStatus>()
      for (const subject of await subjects(facts, caller))
        for (const budget of facts.services.limits.budgetStatus(subject))
          budgets.set(`${budget.account}\n${budget.period}`, budget)
      return [...budgets.values()]
        .map((budget) => ({ ...standingRow(budget), used_percent: usedPercent(budget) }))
        .filter((row) => row.used_percent >= percent)
        .sort((a, b) => b.used_percent - a.used_percent)
        .slice(0, limit)
    },
  }
}

/** The callers of the ledger, and those that rules name. */
async function subjects(
  { reports, rules, tokens: known }: LimitsNearFacts,
  caller: RpcCaller,
): Promise<readonly Caller[]> {
  if (caller.role !== 'admin') return [caller]
  const stored = rules.list()
  if (stored.length === 0) return []
  const query = { filter: {}, scope: undefined, edges: [], order: 'cost', limit: MAX_CALLERS } as const
  const payers = await reports.run('groups', { ...query, by: ['address', 'context'] })
  const tokens = await reports.run('groups', { ...query, by: ['address', 'token'] })
  return [
    ...payers.groups.map(({ names }) => ({ ip: names.address ?? '', context: names.context || undefined })),
    ...tokens.groups.map(({ names }) => ({
      ip: names.address ?? '',
      context: undefined,
      token: names.token || undefined,
    })),
    ...known.list().map(({ id }) => ({ ip: 'local', context: undefined, token: id })),
    ...stored.flatMap(({ subject }): Caller[] => {
      if (subject.scope === 'address') return [{ ip: subject.address, context: undefined }]
      if (subject.scope === 'context' && subject.address !== undefined)
        return [{ ip: subject.address, context: subject.context }]
      return []
    }),
  ]
}

export function standingRow({ name, period, max, spent, held, resetsAt }: BudgetStatus): Standing {
  return {
    name,
    period,
    budget_usd: usdText(max),
    spent_usd: usdText(spent),
    held_usd: usdText(held),
    left_usd: usdText(money(max - spent - held)),
    ...(resetsAt === undefined ? {} : { resets_at: resetsAt / 1000 }),
  }
}

/** A budget of nothing is used up. */
function usedPercent({ max, spent, held }: BudgetStatus): number {
  return max === 0n ? 100 : Number(((spent + held) * 10_000n) / max) / 100
}
