import { money, ZERO, type Money } from '../../base/money.ts'
import { isExact } from '../../ledger/adopt-outcome.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Entry } from '../../ledger/types.ts'
import { askOutcomes, type Outcome } from '../hop/outcome.ts'

type GetJson = (path: string) => Promise<unknown>
type Costs = Pick<Entry, 'cost' | 'costLow' | 'costHigh'>

export interface ReconcileParts {
  readonly ledger: Ledger
  /** How a mother is asked; `undefined` for one that is not set up any more. */
  readonly getJsonOf: (mother: string) => GetJson | undefined
}

/** What the mothers of one entry say that it cost. */
export type Charge =
  | { readonly type: 'known'; readonly costs: Costs }
  /** She still runs it. */
  | { readonly type: 'open' }
  | { readonly type: 'unreachable'; readonly mothers: readonly string[] }

/** Asks every mother that an entry may have been sent to. What none of them knows has cost nothing. */
export async function chargeFor(id: string, { ledger, getJsonOf }: ReconcileParts): Promise<Charge> {
  const outcomes: Outcome[] = []
  const away: string[] = []
  for (const mother of ledger.linkOf(id)?.mothers ?? []) {
    try {
      const getJson = getJsonOf(mother)
      if (getJson === undefined) away.push(mother)
      else outcomes.push(...(await askOutcomes(getJson, id)).map(({ outcome }) => outcome))
    } catch {
      away.push(mother)
    }
  }
  if (away.length > 0) return { type: 'unreachable', mothers: away }
  if (outcomes.some(({ state }) => state === 'open')) return { type: 'open' }
  return { type: 'known', costs: sumOf(outcomes) }
}

/** Unknown is contagious: with one unbounded part the whole has no upper bound. */
function sumOf(outcomes: readonly Outcome[]): Costs {
  const settled = outcomes.flatMap((outcome) => (outcome.state === 'settled' ? [outcome] : []))
  const cost = sum(settled.map((each) => each.cost ?? ZERO))
  if (settled.every(isExact)) return { cost, costLow: undefined, costHigh: undefined }
  const highs = settled.map((each) => each.costHigh ?? (each.costLow === undefined ? each.cost : undefined))
  return {
    cost: settled.some((each) => each.cost === undefined) ? undefined : cost,
    costLow: sum(settled.map((each) => each.costLow ?? each.cost ?? ZERO)),
    costHigh: highs.every((high) => high !== undefined) ? sum(highs) : undefined,
  }
}

function sum(amounts: readonly Money[]): Money {
  return money(amounts.reduce((all, amount) => all + amount, 0n))
}

/** An entry that says something else than the mothers that charge for it. */
export interface Difference {
  readonly id: string
  readonly ours: Costs
  readonly theirs: Costs
}

export interface Reconciliation {
  /** Entries whose mothers were asked. */
  readonly compared: number
  readonly equal: number
  /** Entries that still run at a mother. */
  readonly open: number
  /** Entries whose mothers could not be asked. */
  readonly unanswered: number
  readonly differences: readonly Difference[]
  /** Of the entries that were compared, in nano-dollars. */
  readonly ours: Money
  readonly theirs: Money
  /** By our own prices, as far as they are known. */
  readonly list: Money
}

/** Compares entry by entry what this ledger says with what the mothers say. Changes nothing. */
export async function reconcile(
  parts: ReconcileParts,
  filter: {
    readonly since: number
    readonly until: number
    readonly limit: number
    readonly mother?: string | undefined
  },
): Promise<Reconciliation> {
  const { ledger } = parts
  const differences: Difference[] = []
  let [compared, equal, open, unanswered] = [0, 0, 0, 0]
  let [ours, theirs, list] = [0n, 0n, 0n]
  for (const { id, listCost } of ledger.upward(filter)) {
    const entry = ledger.find(id)
    const { mother } = filter
    if (entry === undefined) continue
    if (mother !== undefined && ledger.linkOf(id)?.mothers?.includes(mother) !== true) continue
    const charge = await chargeFor(id, parts)
    if (charge.type === 'open') open++
    if (charge.type === 'unreachable') unanswered++
    if (charge.type !== 'known') continue
    const own = ledger.correctedCost(entry)
    compared++
    ours += own.cost ?? ZERO
    theirs += charge.costs.cost ?? ZERO
    list += listCost ?? ZERO
    if (isSame(own, charge.costs)) equal++
    else differences.push({ id, ours: own, theirs: charge.costs })
  }
  return {
    compared,
    equal,
    open,
    unanswered,
    differences,
    ours: money(ours),
    theirs: money(theirs),
    list: money(list),
  }
}

/** An unknown cost within bounds is the same as one of nothing with the same upper bound. */
function isSame(a: Costs, b: Costs): boolean {
  return (a.cost ?? ZERO) === (b.cost ?? ZERO) && highOf(a) === highOf(b)
}

function highOf({ cost, costHigh }: Costs): Money | undefined {
  return costHigh ?? cost
}
