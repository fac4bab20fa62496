import { money, NOTHING, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { CountSource, Settlement, Usage } from '../../ledger/types.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import { countReading } from './estimate-usage.ts'
import { mostUsageAt, type GrantedRequest } from '../budget/affordable-candidates.ts'
import type { Ceiling, Meter, Reading } from '../usage/usage-meter.ts'
import { guessedCost, settledCost, type CostQuestion } from './reconcile-cost.ts'
import type { TokenCounter } from '../usage/token-counter.ts'

/** An attempt as far as its cost is concerned. */
export interface ChargingAttempt {
  readonly endpoint: Endpoint
  readonly meter: Meter
  /** The provider's own figure of the cost is what we are billed; otherwise it is usage times price. */
  readonly reportsCost: boolean
  readonly granted: GrantedRequest
  /** What the endpoint was sent. */
  readonly body: JsonBody
  /** It was closed while the provider may go on billing. */
  readonly isAbandoned: boolean
}

/** The cost of one response, or of all parts of one that several endpoints gave. */
export type Bill = Pick<
  Settlement,
  'usage' | 'countSource' | 'cost' | 'costLow' | 'costHigh' | 'costSource' | 'upstreamCost' | 'flag'
>

/** The cost of one attempt after its end: at once where the endpoint reported its usage, otherwise once its tokens are counted. */
export function settledBillOf(
  attempt: ChargingAttempt,
  held: Money | undefined,
  counter: TokenCounter | undefined,
): Bill | Promise<Bill> {
  const { endpoint, meter, body } = attempt
  if (meter.reported !== undefined) return billAt(meter.read(), attempt, false, held)
  const asked = { body, model: endpoint.modelId }
  return countReading(meter, ceilingOf(attempt), asked, counter).then((reading) =>
    billAt(reading, attempt, attempt.isAbandoned, held),
  )
}

function billAt(
  reading: Reading,
  { endpoint: { price }, meter, reportsCost }: ChargingAttempt,
  goesOn: boolean,
  held: Money | undefined,
): Bill {
  const charged = reportsCost ? meter.charged : undefined
  const question: CostQuestion = { reading, price, charged, goesOn, held }
  const costs = meter.isEstimate ? guessedCost(question) : settledCost(question)
  const { cost, costLow, costHigh, costSource, upstreamCost, flag } = costs
  const countSource = goesOn ? 'bounded' : reading.countSource
  return { usage: reading.usage, countSource, cost, costLow, costHigh, costSource, upstreamCost, flag }
}

/** The cost of one attempt as far as its usage is known now. */
export function billOf(attempt: ChargingAttempt): Bill {
  const { meter } = attempt
  const reading = meter.reported === undefined ? meter.bounds(ceilingOf(attempt)) : meter.read()
  return billAt(reading, attempt, false, undefined)
}

/** The body of an attempt that resumes a stream may be longer than the caller's. */
function ceilingOf({ endpoint, granted, body }: ChargingAttempt): Ceiling {
  const { request } = granted
  const max = mostUsageAt(granted, endpoint)
  const longer = Math.max(0, body.byteLength - request.body.byteLength)
  return {
    most: { ...max, promptTokensAtMost: max.promptTokensAtMost + longer },
    mayThinkUnseen: request.kind.reasons(endpoint) !== false,
    choices: request.choices ?? 1,
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
 * The sum of all parts. Unknown is contagious: with one unpriced part the whole is unpriced, and what is known of the others
 * is its lower bound; one bounded part makes the whole bounded.
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
    cost: sumOfKnown(bills.map(({ cost }) => cost)),
    costLow: isExact ? undefined : sumOfKnown(bills.map(({ cost, costLow }) => costLow ?? cost ?? NOTHING)),
    costHigh: isExact ? undefined : sumOfKnown(bills.map(highOf)),
    costSource: isUpstreams ? 'upstream' : undefined,
    upstreamCost: sumOfKnown((isUpstreams ? bills : disputed).map(({ upstreamCost }) => upstreamCost)),
    flag: disputed[0]?.flag,
  }
}

/** The cost with that of undelivered attempts: the usage stays that of the response, the cost is that of all. */
export function addCosts(bill: Bill, unheard: readonly Bill[]): Bill {
  const { cost, costLow, costHigh, costSource } = addBills([bill, ...unheard])
  return { ...bill, cost, costLow, costHigh, costSource }
}

/** With a lower bound alone, the upper bound is unknown. */
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

/** `undefined` for no amounts, and as soon as one is unknown. */
function sumOfKnown(amounts: readonly (Money | undefined)[]): Money | undefined {
  let sum: bigint | undefined
  for (const amount of amounts) {
    if (amount === undefined) return undefined
    sum = (sum ?? 0n) + amount
  }
  return sum === undefined ? undefined : money(sum)
}

const SOURCES: readonly CountSource[] = ['none', 'bounded', 'counted', 'reported']

/** A part without cost and usage, such as a refusal, has no influence on the source of the counts. */
function worstOf(bills: readonly Bill[]): CountSource {
  const sources = bills.flatMap(({ usage, cost, countSource }) =>
    usage === undefined && cost === NOTHING ? [] : countSource,
  )
  return SOURCES.find((source) => sources.includes(source)) ?? 'none'
}
