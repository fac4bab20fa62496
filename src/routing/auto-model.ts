import type { ModelKind } from '../catalog/catalog.ts'
import { compareDearer, comparePrices, compareText } from './compare.ts'
import { nothingConfigured } from './routing-errors.ts'
import type { LeftOut, Offer, RouteSurroundings } from './endpoint-candidate.ts'
import type { Compare } from './order.ts'
import type { Strategy } from './resolve-model.ts'

/**
 * The candidates of an automatic choice: those of the models file; without any, those of the providers' own lists; without
 * any, those of the mock provider. Throws `none-fits` when there is none at all.
 */
export function automaticOffers(
  kind: ModelKind,
  { catalog, providers }: RouteSurroundings,
  leftOut: LeftOut | undefined,
): readonly Offer[] {
  const offers: Offer[] = []
  for (const model of catalog.models.values()) {
    if (model.kind !== kind) continue
    for (const endpoint of model.endpoints) {
      const state = providers.get(endpoint.provider)
      if (state !== undefined) offers.push({ model, endpoint, state })
    }
  }
  const real = offers.filter(({ state }) => !state.isStandIn)
  const chosen = real.filter(({ model }) => model.isDiscovered !== true)
  const pool = [chosen, real, offers].find((some) => some.length > 0) ?? []
  if (pool.length === 0) throw nothingConfigured(kind)
  for (const { endpoint, state } of leftOut === undefined
    ? []
    : offers.filter((each) => !pool.includes(each)))
    leftOut?.endpoints.push({ endpoint, step: STEP, reason: state.isStandIn ? IS_STAND_IN : IS_DISCOVERED })
  return pool
}

const STEP = 'Automatic Choice'
const IS_STAND_IN = 'is the mock provider, and a real provider is configured'
const IS_DISCOVERED = 'is not in the models file, so it is only used by name'

/** The best candidate of every model, the best model by the strategy first. */
export function bestOfEach(
  offers: readonly Offer[],
  strategy: Strategy,
  better: Compare,
  leftOut: LeftOut | undefined,
): readonly Offer[] {
  const best = new Map<string, Offer>()
  for (const offer of offers) {
    const other = best.get(offer.model.id)
    if (other === undefined || better(offer, other) < 0) best.set(offer.model.id, offer)
  }
  if (leftOut !== undefined) noteOthers(offers, best, leftOut)
  return [...best.values()].sort(strategy === 'cheapest' ? byPrice : byTierThenPrice)
}

function noteOthers(
  offers: readonly Offer[],
  best: ReadonlyMap<string, Offer>,
  { endpoints }: LeftOut,
): void {
  for (const { model, endpoint } of offers) {
    const chosen = best.get(model.id)?.endpoint.id
    if (chosen !== undefined && chosen !== endpoint.id)
      endpoints.push({ endpoint, step: STEP, reason: `ranks after ${chosen}, which offers the same model` })
  }
}

function byPrice(a: Offer, b: Offer): number {
  return comparePrices(a.endpoint, b.endpoint) || compareText(a.endpoint.id, b.endpoint.id)
}

const TIERS = ['premium', 'standard', 'economy', 'free']

/** Within a tier the more expensive model goes first: price is the only measure of quality that every provider publishes. */
function byTierThenPrice(a: Offer, b: Offer): number {
  return rankOf(a.model.tier) - rankOf(b.model.tier) || compareDearer(a.endpoint, b.endpoint) || byPrice(a, b)
}

function rankOf(tier: string): number {
  const rank = TIERS.indexOf(tier)
  return rank === -1 ? TIERS.length : rank
}
