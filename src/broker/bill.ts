import { money, NOTHING, type Money } from '../base/money.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import { costOf } from '../ledger/cost.ts'
import type { CountSource, Settlement, Usage } from '../ledger/ledger-types.ts'
import type { JsonBody } from '../wire/json-body.ts'
import { countReading } from './count-reading.ts'
import type { Meter } from './meter.ts'
import { settledCost } from './settled-cost.ts'
import type { TokenCounter } from './token-counter.ts'

/** Who answers. */
export interface Answering {
  readonly endpoint: Endpoint
  readonly meter: Meter
  /** Its own figure of the cost is what we are billed; otherwise counts times price are. */
  readonly saysWhatItCharged: boolean
  /** What it was asked. */
  readonly body: JsonBody
  /** Nobody listens to it any more, and it bills on. */
  readonly goesOn: () => boolean
}

/** What one answer costs, or all parts of one that several endpoints gave. */
export type Bill = Pick<
  Settlement,
  'usage' | 'countSource' | 'cost' | 'costLow' | 'costHigh' | 'costSource' | 'upstreamCost' | 'flag'
>

/** The bill of one endpoint's part, once nothing more comes: counted where nobody reported. */
export async function settledBillOf(
  answering: Answering,
  held: Money | undefined,
  counter: TokenCounter | undefined,
): Promise<Bill> {
  const { endpoint, meter, body, saysWhatItCharged } = answering
  const reading = await countReading(meter, body, endpoint.modelId, counter)
  const goesOn = answering.goesOn() && reading.countSource !== 'reported'
  const charged = saysWhatItCharged ? meter.charged : undefined
  return {
    usage: reading.usage,
    countSource: goesOn ? 'bounded' : reading.countSource,
    ...settledCost({ reading, price: endpoint.price, charged, goesOn, held }),
  }
}

/** The bill of one endpoint's part, as far as its counts are known now. */
export function billOf({ endpoint: { price }, meter, saysWhatItCharged }: Answering): Bill {
  const { usage, countSource, low, high } = meter.read()
  const charged = saysWhatItCharged ? meter.charged : undefined
  if (charged !== undefined)
    return { usage, countSource, cost: charged, costLow: undefined, costHigh: undefined }
  const priced = (counts: Usage | undefined): Money | undefined =>
    counts === undefined || price === undefined ? undefined : costOf(counts, price)
  return { usage, countSource, cost: priced(usage), costLow: priced(low), costHigh: priced(high) }
}

export const NO_BILL: Bill = {
  usage: undefined,
  countSource: 'none',
  cost: undefined,
  costLow: undefined,
  costHigh: undefined,
}

/** All parts added up. Unknown is contagious: with one part unpriced the whole is, and one bound makes bounds of all. */
export function addBills(bills: readonly Bill[]): Bill {
  const counted = bills.filter(({ usage }) => usage !== undefined)
  const [only] = counted
  if (only === undefined) return NO_BILL
  if (counted.length === 1) return only
  const hasBounds = counted.some(({ costLow }) => costLow !== undefined)
  return {
    usage: counted.map(({ usage }) => usage).reduce(addUsage),
    countSource: worstOf(counted.map(({ countSource }) => countSource)),
    cost: addMoney(counted.map(({ cost }) => cost)),
    costLow: hasBounds ? addMoney(counted.map(({ cost, costLow }) => costLow ?? cost)) : undefined,
    costHigh: hasBounds ? addMoney(counted.map(({ cost, costHigh }) => costHigh ?? cost)) : undefined,
    costSource: counted.every(({ costSource }) => costSource === 'upstream') ? 'upstream' : undefined,
    flag: counted.find(({ flag }) => flag !== undefined)?.flag,
  }
}

/** A bill with what was paid beside it and not heard: its counts stay those of the answer, its cost is of all. */
export function addCosts(bill: Bill, unheard: readonly Bill[]): Bill {
  const maybe = unheard.map((each) =>
    each.countSource === 'reported' ? each : { ...each, costLow: NOTHING },
  )
  const { cost, costLow, costHigh, costSource } = addBills([bill, ...maybe])
  return { ...bill, cost, costLow, costHigh, costSource }
}

function addUsage(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return {
    prompt: a.prompt + b.prompt,
    completion: a.completion + b.completion,
    cachedPrompt: a.cachedPrompt + b.cachedPrompt,
    cacheWrite: a.cacheWrite + b.cacheWrite,
    reasoning: a.reasoning + b.reasoning,
    audioPrompt: a.audioPrompt + b.audioPrompt,
    audioCompletion: a.audioCompletion + b.audioCompletion,
  }
}

function addMoney(amounts: readonly (Money | undefined)[]): Money | undefined {
  let sum = 0n
  for (const amount of amounts) {
    if (amount === undefined) return undefined
    sum += amount
  }
  return money(sum)
}

const SOURCES: readonly CountSource[] = ['none', 'bounded', 'counted', 'reported']

function worstOf(sources: readonly CountSource[]): CountSource {
  return SOURCES.find((source) => sources.includes(source)) ?? 'none'
}
