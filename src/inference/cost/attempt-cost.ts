import { money, ZERO, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { CountSource, Settlement, Usage } from '../../ledger/types.ts'
import { addUsage } from '../../ledger/usage/add-usage.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import { estimateUsage } from './estimate-usage.ts'
import { maxAttemptUsage, type GrantedRequest } from '../budget/affordable-candidates.ts'
import type { Meter, UsageCeiling, UsageReading } from '../usage/usage-meter.ts'
import { bindingCost, reconcileEstimate, reconcileCost, type CostInput } from './reconcile-cost.ts'
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
  /** The request never left this host, so that it cost nothing. */
  readonly isUnsent: boolean
  /** It ended before the response was complete, and not by the provider's own word. */
  readonly isCut: boolean
  /** It was closed while the provider may go on billing. */
  readonly isAbandoned: boolean
  /** It is an attempt at a broker above, whose figure is what we owe, whatever our price makes of it. */
  readonly isAtMother?: boolean | undefined
  /** What that broker states that it cost, once it was asked after the end. */
  readonly charge?: AttemptCost | undefined
  /** Asks that broker. Resolves with or without a charge, and never rejects. */
  learnCharge?(): Promise<void>
}

/** The cost of one response, or of all parts of one that several endpoints gave. */
export type AttemptCost = Pick<
  Settlement,
  'usage' | 'countSource' | 'cost' | 'costLow' | 'costHigh' | 'costSource' | 'upstreamCost' | 'flag'
>

/** The cost of one attempt after its end: at once where the endpoint reported its usage, otherwise once its tokens are counted. */
export function settledCostOf(
  attempt: ChargingAttempt,
  counter: TokenCounter | undefined,
): AttemptCost | Promise<AttemptCost> {
  const { endpoint, meter, body, charge } = attempt
  if (charge !== undefined) return charge
  if (isUsageKnown(attempt)) return costAt(meter.read(), attempt)
  const sent = { body, model: endpoint.modelId }
  return estimateUsage(meter, ceilingOf(attempt), sent, counter).then((reading) => costAt(reading, attempt))
}

/** Whether the provider has reported all that it will bill. A running total is less where the response was cut. */
export function isUsageKnown({ meter, isCut, charge }: ChargingAttempt): boolean {
  return charge !== undefined || (meter.reported !== undefined && (!isCut || meter.isReportFinal))
}

/** Whether a mother has to be asked what an attempt cost: she has not said it, or only within bounds. */
export function lacksCharge(attempt: ChargingAttempt): boolean {
  if (attempt.isAtMother !== true || attempt.isUnsent || attempt.charge !== undefined) return false
  const { meter } = attempt
  return !isUsageKnown(attempt) || meter.charged === undefined || meter.chargedBounds !== undefined
}

function costAt(reading: UsageReading, attempt: ChargingAttempt): AttemptCost {
  const { endpoint, meter, reportsCost, isCut, isAbandoned } = attempt
  const { price } = endpoint
  // A running total of the charge is no more than a lower bound, which the counts give, too.
  const charged = reportsCost && (!isCut || meter.isReportFinal) ? meter.charged : undefined
  const chargedBounds = reportsCost ? meter.chargedBounds : undefined
  const fee = reportsCost ? meter.fee : undefined
  const input: CostInput = { reading, price, charged, chargedBounds, fee }
  const costs = costsOf(input, attempt)
  const { cost, costLow, costHigh, costSource, upstreamCost, flag = reading.problem } = costs
  const countSource = isAbandoned && !isUsageKnown(attempt) ? 'bounded' : reading.countSource
  return { usage: reading.usage, countSource, cost, costLow, costHigh, costSource, upstreamCost, flag }
}

function costsOf(input: CostInput, { meter, isAtMother }: ChargingAttempt): ReturnType<typeof reconcileCost> {
  if (isAtMother === true && input.charged !== undefined) return bindingCost(input)
  return meter.isEstimate ? reconcileEstimate(input) : reconcileCost(input)
}

/** The cost of one attempt as far as its usage is known now. */
export function costSoFar(attempt: ChargingAttempt): AttemptCost {
  const { meter, charge } = attempt
  if (charge !== undefined) return charge
  return costAt(isUsageKnown(attempt) ? meter.read() : meter.bounds(ceilingOf(attempt)), attempt)
}

/** The body of an attempt that resumes a stream may be longer than the caller's. */
function ceilingOf({ endpoint, granted, body, isAbandoned }: ChargingAttempt): UsageCeiling {
  const { request } = granted
  const max = maxAttemptUsage(granted, endpoint)
  const longer = Math.max(0, body.byteLength - request.body.byteLength)
  return {
    bounds: { ...max, maxPromptTokens: max.maxPromptTokens + longer },
    mayHideReasoning: request.kind.reasons(endpoint) !== false,
    choices: request.n ?? 1,
    mayGoOn: isAbandoned,
  }
}

export const NO_COST: AttemptCost = {
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
export function addAttemptCosts(parts: readonly AttemptCost[]): AttemptCost {
  const [only] = parts
  if (only === undefined) return NO_COST
  if (parts.length === 1) return only
  const isExact = parts.every(
    ({ cost, costLow, costHigh }) => cost !== undefined && (costLow ?? costHigh) === undefined,
  )
  const isReported = parts.every(({ costSource }) => costSource === 'upstream')
  const disputed = parts.filter(({ flag }) => flag !== undefined)
  return {
    usage: parts.map(({ usage }) => usage).reduce(addKnownUsage),
    countSource: leastCertainSource(parts),
    cost: sumOfKnown(parts.map(({ cost }) => cost)),
    costLow: isExact ? undefined : sumOfKnown(parts.map(({ cost, costLow }) => costLow ?? cost ?? ZERO)),
    costHigh: isExact ? undefined : sumOfKnown(parts.map(highOf)),
    costSource: isReported ? 'upstream' : undefined,
    upstreamCost: sumOfKnown((isReported ? parts : disputed).map(({ upstreamCost }) => upstreamCost)),
    flag: disputed[0]?.flag,
  }
}

/** The cost with that of undelivered attempts: the usage stays that of the response, the cost is that of all. */
export function addUndelivered(delivered: AttemptCost, undelivered: readonly AttemptCost[]): AttemptCost {
  const { cost, costLow, costHigh, costSource } = addAttemptCosts([delivered, ...undelivered])
  return { ...delivered, cost, costLow, costHigh, costSource }
}

/** With a lower bound alone, the upper bound is unknown. */
function highOf({ cost, costLow, costHigh }: AttemptCost): Money | undefined {
  return costHigh ?? (costLow === undefined ? cost : undefined)
}

function addKnownUsage(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  return a === undefined || b === undefined ? (a ?? b) : addUsage(a, b)
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
function leastCertainSource(parts: readonly AttemptCost[]): CountSource {
  const sources = parts.flatMap(({ usage, cost, countSource }) =>
    usage === undefined && cost === ZERO ? [] : countSource,
  )
  return SOURCES.find((source) => sources.includes(source)) ?? 'none'
}
