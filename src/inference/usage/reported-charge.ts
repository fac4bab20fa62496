import { roundUsd, ZERO, type Money } from '../../base/money.ts'
import type { UsageShape } from '../../providers/usage-shape.ts'
import { isObject } from '../../wire/json/json-body.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import type { WireUsage } from '../../wire/openai/usage.ts'

/** What a provider states that a response cost. */
export interface ReportedCharge {
  /** All that the owner pays. */
  readonly charged: Money | undefined
  /** Only the router's fee; what the vendor charges beside it is not stated. */
  readonly fee: Money | undefined
}

/** The charge in a usage object. A zero that nothing explains is no charge but an unknown one. */
export function chargeOf(wire: WireUsage, raw: unknown, shape?: UsageShape): ReportedCharge {
  if (shape?.charge !== undefined) {
    const { path, perUsd } = shape.charge
    const stated = numberAt(raw, path)
    return { charged: stated === 0 ? undefined : usd(stated, perUsd), fee: undefined }
  }
  const cost = usd(wire.cost)
  const upstream = usd(wire.cost_details?.upstream_inference_cost)
  if (cost === undefined) return NOTHING
  if (paysVendorApart(wire, cost, upstream))
    return upstream === undefined
      ? { charged: undefined, fee: cost }
      : { charged: (cost + upstream) as Money, fee: undefined }
  return cost === ZERO && wire.is_byok !== false ? NOTHING : { charged: cost, fee: undefined }
}

const NOTHING: ReportedCharge = { charged: undefined, fee: undefined }

/**
 * With a key of one's own at OpenRouter, `cost` is its fee, which is 5 % or nothing, and `upstream_inference_cost` is what the
 * vendor charges; otherwise both are the same figure (https://openrouter.ai/docs/use-cases/byok, unread). A response without
 * `is_byok` is told by their proportion.
 */
function paysVendorApart({ is_byok: isByok }: WireUsage, cost: Money, upstream: Money | undefined): boolean {
  if (isByok === true) return true
  if (upstream === undefined || upstream === ZERO) return false
  return cost === ZERO || ((isByok ?? undefined) === undefined && cost * 2n < upstream)
}

function numberAt(raw: unknown, path: readonly string[]): unknown {
  let value = raw
  for (const name of path) value = isObject(value) ? value[name] : undefined
  return value
}

/** US dollars: more than any response costs, and less than a row of the ledger can hold. */
const MAX_CHARGED = 1_000_000

function usd(stated: unknown, perUsd = 1): Money | undefined {
  const amount = typeof stated === 'number' ? stated / perUsd : undefined
  return isCharge(amount) ? roundUsd(amount) : undefined
}

function isCharge(amount: unknown): amount is number {
  return typeof amount === 'number' && amount >= 0 && amount <= MAX_CHARGED
}

/** Lower and upper bound of a charge; without the upper one it may be any. */
export interface ChargeBounds {
  readonly low: Money
  readonly high: Money | undefined
}

/** The bounds that another instance of this broker states for its charge. */
export function boundsIn({ x_aibroker: envelope }: ChatChunk): ChargeBounds | undefined {
  if (!isObject(envelope)) return undefined
  const { cost_low: low, cost_high: high, unpriced } = envelope
  if (!isCharge(low) && !isCharge(high) && unpriced !== true) return undefined
  return {
    low: isCharge(low) ? roundUsd(low) : ZERO,
    high: isCharge(high) && unpriced !== true ? roundUsd(high) : undefined,
  }
}
