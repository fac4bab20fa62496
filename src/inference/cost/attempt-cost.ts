import { money, NOTHING, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { CountSource, Settlement, Usage } from '../../ledger/types.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import { countReading } from './estimate-usage.ts'
import { mostUsageAt, type Ordered } from '../budget/affordable-candidates.ts'
import type { Ceiling, Meter, Reading } from '../usage/usage-meter.ts'
import { guessedCost, settledCost } from './reconcile-cost.ts'
import type { TokenCounter } from '../usage/token-counter.ts'

/** Who answers. */
export interface Answering {
  readonly endpoint: Endpoint
  readonly meter: Meter
  /** Its own figure of the cost is what we are billed; otherwise counts times price are. */
  readonly saysWhatItCharged: boolean
  readonly ordered: Ordered
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

/** The bill of one endpoint's part, once nothing more comes: at once where the endpoint reported, else counted. */
export function settledBillOf(
  answering: Answering,
  held: Money | undefined,
  counter: TokenCounter | undefined,
): Bill | Promise<Bill> {
  const { endpoint, meter, body } = answering
  if (meter.reported !== undefined) return billAt(meter.read(), answering, false, held)
  const asked = { body, model: endpoint.modelId }
  return countReading(meter, ceilingOf(answering), asked, counter).then((reading) =>
    billAt(reading, answering, answering.goesOn(), held),
  )
}

function billAt(
  reading: Reading,
  { endpoint: { price }, meter, saysWhatItCharged }: Answering,
  goesOn: boolean,
  held: Money | undefined,
): Bill {
  const charged = saysWhatItCharged ? meter.charged : undefined
  const question = { reading, price, charged, goesOn, held }
  const costs = meter.isEstimate ? guessedCost(question) : settledCost(question)
  const { cost, costLow, costHigh, costSource, upstreamCost, flag } = costs
  const countSource = goesOn ? 'bounded' : reading.countSource
  return { usage: reading.usage, countSource, cost, costLow, costHigh, costSource, upstreamCost, flag }
}

/** The bill of one endpoint's part, as far as its counts are known now. */
export function billOf(answering: Answering): Bill {
  const { meter } = answering
  const reading = meter.reported === undefined ? meter.bounds(ceilingOf(answering)) : meter.read()
  return billAt(reading, answering, false, undefined)
}

/** A rescue was asked with more than the caller wrote. */
function ceilingOf({ endpoint, ordered, body }: Answering): Ceiling {
  const { errand } = ordered
  const most = mostUsageAt(ordered, endpoint)
  const longer = Math.max(0, body.byteLength - errand.body.byteLength)
  return {
    most: { ...most, promptTokensAtMost: most.promptTokensAtMost + longer },
    mayThinkUnseen: errand.kind === 'chat' && errand.reasons?.(endpoint) !== false,
    choices: errand.choices ?? 1,
  }
}

export const NO_BILL: Bill = {
  usage: undefined,
  countSource: 'none',
  cost: undefined,
  costLow: undefined,
  costHigh: undefined,
}

/**
 * All parts added up, be it that some used nothing or nobody knows what. Unknown is contagious: with one part unpriced the
 * whole is, and what is known of the others is the least; one bound makes bounds of all.
 */
export function addBills(bills: readonly Bill[]): Bill {
  const [only] = bills
  if (only === undefined) return NO_BILL
  if (bills.length === 1) return only
  const isExact = bills.every(
    ({ cost, costLow, costHigh }) => cost !== undefined && (costLow ?? costHigh) === undefined,
  )
  const isUpstreams = bills.every(({ costSource }) => costSource === 'upstream')
  const disputed = bills.filter(({ flag }) => flag !== undefined)
  return {
    usage: bills.map(({ usage }) => usage).reduce(addUsage),
    countSource: worstOf(bills),
    cost: addMoney(bills.map(({ cost }) => cost)),
    costLow: isExact ? undefined : addMoney(bills.map(({ cost, costLow }) => costLow ?? cost ?? NOTHING)),
    costHigh: isExact ? undefined : addMoney(bills.map(highOf)),
    costSource: isUpstreams ? 'upstream' : undefined,
    upstreamCost: addMoney((isUpstreams ? bills : disputed).map(({ upstreamCost }) => upstreamCost)),
    flag: disputed[0]?.flag,
  }
}

/** A bill with what was paid beside it and not heard: its counts stay those of the answer, its cost is of all. */
export function addCosts(bill: Bill, unheard: readonly Bill[]): Bill {
  const { cost, costLow, costHigh, costSource } = addBills([bill, ...unheard])
  return { ...bill, cost, costLow, costHigh, costSource }
}

/** With a low figure alone, nobody knows how far up it goes. */
function highOf({ cost, costLow, costHigh }: Bill): Money | undefined {
  return costHigh ?? (costLow === undefined ? cost : undefined)
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
    imagePrompt: addCounts(a.imagePrompt, b.imagePrompt),
    images: addCounts(a.images, b.images),
  }
}

function addCounts(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : a + b
}

/** Nothing of nothing, and unknown as soon as one is. */
function addMoney(amounts: readonly (Money | undefined)[]): Money | undefined {
  let sum: bigint | undefined
  for (const amount of amounts) {
    if (amount === undefined) return undefined
    sum = (sum ?? 0n) + amount
  }
  return sum === undefined ? undefined : money(sum)
}

const SOURCES: readonly CountSource[] = ['none', 'bounded', 'counted', 'reported']

/** What cost nothing and used nothing, such as a refusal, says nothing of the others' counts. */
function worstOf(bills: readonly Bill[]): CountSource {
  const sources = bills.flatMap(({ usage, cost, countSource }) =>
    usage === undefined && cost === NOTHING ? [] : countSource,
  )
  return SOURCES.find((source) => sources.includes(source)) ?? 'none'
}
