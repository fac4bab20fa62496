import type { ModelKind } from '../catalog/catalog.ts'
import { comparePricesDescending, comparePrices, compareText } from './compare.ts'
import { noProviderForKind } from './routing-errors.ts'
import type { ExclusionLog, EndpointCandidate, RoutingInput } from './endpoint-candidate.ts'
import type { Compare } from './order.ts'
import type { Strategy } from './resolve-model.ts'

/**
 * The candidates of an automatic choice: those of the models file; without any, those of the providers' own lists; without
 * any, those of the mock provider. Throws `none-fits` when there is none at all.
 */
export function automaticCandidates(
  kind: ModelKind,
  { catalog, providers }: RoutingInput,
  exclusions: ExclusionLog | undefined,
): readonly EndpointCandidate[] {
  const candidates: EndpointCandidate[] = []
  for (const model of catalog.models.values()) {
    if (model.kind !== kind) continue
    for (const endpoint of model.endpoints) {
      const state = providers.get(endpoint.provider)
      if (state !== undefined) candidates.push({ model, endpoint, state })
    }
  }
  const real = candidates.filter(({ state }) => !state.isMock)
  const chosen = real.filter(({ model }) => model.isDiscovered !== true)
  const pool = [chosen, real, candidates].find((some) => some.length > 0) ?? []
  if (pool.length === 0) throw noProviderForKind(kind)
  for (const { endpoint, state } of exclusions === undefined
    ? []
    : candidates.filter((each) => !pool.includes(each)))
    exclusions?.endpoints.push({ endpoint, step: STEP, reason: state.isMock ? IS_MOCK : IS_DISCOVERED })
  return pool
}

const STEP = 'Automatic Choice'
const IS_MOCK = 'is the mock provider, and a real provider is configured'
const IS_DISCOVERED = 'is not in the models file, so it is only used by name'

/** The best candidate of every model, the best model by the strategy first. */
export function bestOfEach(
  candidates: readonly EndpointCandidate[],
  strategy: Strategy,
  better: Compare,
  exclusions: ExclusionLog | undefined,
): readonly EndpointCandidate[] {
  const best = new Map<string, EndpointCandidate>()
  for (const candidate of candidates) {
    const other = best.get(candidate.model.id)
    if (other === undefined || better(candidate, other) < 0) best.set(candidate.model.id, candidate)
  }
  if (exclusions !== undefined) recordOthers(candidates, best, exclusions)
  return [...best.values()].sort(strategy === 'cheapest' ? byPrice : byTierThenPrice)
}

function recordOthers(
  candidates: readonly EndpointCandidate[],
  best: ReadonlyMap<string, EndpointCandidate>,
  { endpoints }: ExclusionLog,
): void {
  for (const { model, endpoint } of candidates) {
    const chosen = best.get(model.id)?.endpoint.id
    if (chosen !== undefined && chosen !== endpoint.id)
      endpoints.push({ endpoint, step: STEP, reason: `ranks after ${chosen}, which offers the same model` })
  }
}

function byPrice(a: EndpointCandidate, b: EndpointCandidate): number {
  return comparePrices(a.endpoint, b.endpoint) || compareText(a.endpoint.id, b.endpoint.id)
}

const TIERS = ['premium', 'standard', 'economy', 'free']

/** Within a tier the more expensive model goes first: price is the only measure of quality that every provider publishes. */
function byTierThenPrice(a: EndpointCandidate, b: EndpointCandidate): number {
  return (
    rankOf(a.model.tier) - rankOf(b.model.tier) ||
    comparePricesDescending(a.endpoint, b.endpoint) ||
    byPrice(a, b)
  )
}

function rankOf(tier: string): number {
  const rank = TIERS.indexOf(tier)
  return rank === -1 ? TIERS.length : rank
}
