import { BrokerError } from '../../base/errors.ts'
import type { Catalog, Endpoint, Model } from '../../catalog/catalog.ts'
import type { Restriction } from '../../limits/limit-rule.ts'
import type { Provider } from '../../providers/provider.ts'

/** The part of the catalog and of the providers that a caller's access policies allow; no fallback leads out of it. */
export interface Allowed {
  readonly catalog: Catalog
  readonly providers: ReadonlyMap<string, Provider>
}

export function allowedBy(
  catalog: Catalog,
  providers: ReadonlyMap<string, Provider>,
  restrictions: readonly Restriction[],
): Allowed {
  if (restrictions.length === 0) return { catalog, providers }
  const allowed = new Map(
    [...providers].filter(([, provider]) =>
      restrictions.every((restriction) => mayUseProvider(restriction, provider)),
    ),
  )
  if (restrictions.every(({ models }) => models === undefined)) return { catalog, providers: allowed }
  const mayServe = ({ model }: Endpoint): boolean =>
    restrictions.every((restriction) => mayUseModel(restriction, model))
  const models = new Map<string, Model>()
  for (const [id, model] of catalog.models) {
    const endpoints = model.endpoints.filter(mayServe)
    if (endpoints.length > 0) models.set(id, { ...model, endpoints })
  }
  const endpoints = new Map([...catalog.endpoints].filter(([, endpoint]) => mayServe(endpoint)))
  // Without models that only a request names: a model that is left out here could be named so, and would have no price.
  return { catalog: { ...catalog, models, endpoints, passThrough: undefined }, providers: allowed }
}

/** Whether every access policy allows this endpoint. */
export function mayUseEndpoint(
  { model, provider }: Pick<Endpoint, 'model' | 'provider'>,
  providers: ReadonlyMap<string, Provider>,
  restrictions: readonly Restriction[],
): boolean {
  const served = providers.get(provider)
  return restrictions.every(
    (restriction) =>
      mayUseModel(restriction, model) &&
      (served === undefined
        ? restriction.providers === undefined && !restriction.isLocalOnly
        : mayUseProvider(restriction, served)),
  )
}

/** The step of the error that no provider for a kind of model is left; what it advises does not help a pinned caller. */
const NO_PROVIDER_STEP = 'Filter by Model Kind'

/**
 * Adds the access policy to the error of a model that it excludes; any other error is returned as it is. `configured` are all
 * providers: of one that only the policy excludes, the error must not say that its key is missing.
 */
export function explainExclusion(
  error: unknown,
  restrictions: readonly Restriction[],
  configured: { has(provider: string): boolean },
): unknown {
  if (restrictions.length === 0 || !(error instanceof BrokerError)) return error
  if (error.code !== 'no-such-model' && error.code !== 'none-fits') return error
  const words = restrictions.flatMap(describe).join(' and ')
  const offeredBy = error.details.metadata?.['offered_by']
  const excluded = Array.isArray(offeredBy) ? offeredBy.filter((id) => configured.has(String(id))) : []
  if (excluded.length > 0) {
    const [problem = ''] = error.message.split('. ', 1)
    const message = `${problem}. It is offered by ${excluded.join(', ')}, and this caller is pinned to ${words}`
    return new BrokerError(error.code, message, { cause: error, details: error.details })
  }
  if (error.details.metadata?.['failed_routing_step'] === NO_PROVIDER_STEP) {
    const [problem = ''] = error.message.split(' is configured', 1)
    const message = `${problem} that this caller may use is configured: it is pinned to ${words}`
    return new BrokerError(error.code, message, { cause: error, details: error.details })
  }
  return new BrokerError(error.code, `${error.message} (this caller is pinned to ${words})`, { cause: error })
}

function describe(restriction: Restriction): string[] {
  const { providers, models, isLocalOnly, regions, noTraining, noRetention, maxHops } = restriction
  return [
    ...(providers === undefined ? [] : [`the providers ${[...providers].join(', ')}`]),
    ...(models === undefined ? [] : [`the models ${models.join(', ')}`]),
    ...(isLocalOnly ? ['providers on this host'] : []),
    ...(regions === undefined ? [] : [`providers of ${[...regions].join(', ')}`]),
    ...(noTraining === true ? ['providers known not to train on prompts'] : []),
    ...(noRetention === true ? ['providers known to keep nothing'] : []),
    ...(maxHops === undefined ? [] : [`at most ${maxHops} brokers above`]),
  ]
}

function mayUseProvider(restriction: Restriction, provider: Provider): boolean {
  if (provider.isMother === true) return mayUseMother(restriction, provider)
  const { providers, isLocalOnly, regions, noTraining, noRetention } = restriction
  if (providers?.has(provider.id) === false || (isLocalOnly && !provider.isLocal)) return false
  // What stays on this host goes to no company.
  if (provider.isLocal) return true
  const { privacy, company } = provider
  if (noTraining === true && privacy?.trains !== false) return false
  if (noRetention === true && privacy?.retains !== false) return false
  return regions === undefined || (company?.headquarters !== undefined && regions.has(company.headquarters))
}

/** A broker above keeps to what is handed up to her, if she has shown that she does; on another host nothing is local. */
function mayUseMother(restriction: Restriction, mother: Provider): boolean {
  const { providers, isLocalOnly, regions, noTraining, noRetention, maxHops } = restriction
  if (maxHops === 0 || (isLocalOnly && mother.isOnHost !== true)) return false
  const needsHer =
    isLocalOnly ||
    regions !== undefined ||
    noTraining === true ||
    noRetention === true ||
    providers?.has(mother.id) === false
  return !needsHer || mother.attestsPolicy === true
}

function mayUseModel({ models }: Restriction, model: string): boolean {
  return (
    models?.some((name) => (name.endsWith('*') ? model.startsWith(name.slice(0, -1)) : model === name)) ??
    true
  )
}
