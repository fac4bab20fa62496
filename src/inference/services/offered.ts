import type { Catalog, Endpoint, Model } from '../../catalog/catalog.ts'
import type { Caller } from '../../auth/caller.ts'
import { allowedBy, type Allowed } from './access-policy.ts'
import type { AdminServices } from './services.ts'

type Offer = Pick<AdminServices, 'catalog' | 'providers' | 'limits'>

/** What lists show to a caller: what it may request, and no mock models once a real provider is there. */
export function offeredTo(caller: Caller, services: Offer): Allowed {
  return onlyAllowed(offeredToAll(services), caller, services)
}

/** What a caller may request by name, the mock models included. */
export function requestableBy(caller: Caller, services: Offer): Allowed {
  return onlyAllowed({ catalog: services.catalog(), providers: services.providers() }, caller, services)
}

function onlyAllowed(all: Allowed, caller: Caller, { limits }: Offer): Allowed {
  const restrictions = limits.restrictionsFor(caller)
  if (restrictions.length === 0) return all
  const { catalog, providers } = allowedBy(all.catalog, all.providers, restrictions)
  // Routing filters by provider later; a list must not show endpoints that no request of this caller can reach.
  const reachable = onlyEndpoints(catalog, ({ provider }) => providers.has(provider))
  if (restrictions.every(({ models }) => models === undefined)) return { catalog: reachable, providers }
  const served = [...reachable.models.values()].flatMap(({ endpoints }) => endpoints)
  const serving = new Set(served.map(({ provider }) => provider))
  return { catalog: reachable, providers: new Map([...providers].filter(([id]) => serving.has(id))) }
}

/** What lists show to an administrator. */
export function offeredToAll({ catalog, providers }: Omit<Offer, 'limits'>): Allowed {
  const all = { catalog: catalog(), providers: providers() }
  const real = new Map([...all.providers].filter(([, { isMock }]) => !isMock))
  if (real.size === 0 || real.size === all.providers.size) return all
  const isHidden = (provider: string): boolean => all.providers.has(provider) && !real.has(provider)
  return { catalog: onlyEndpoints(all.catalog, ({ provider }) => !isHidden(provider)), providers: real }
}

/** The catalog without other endpoints, and without the models that have none left. */
function onlyEndpoints(catalog: Catalog, isShown: (endpoint: Endpoint) => boolean): Catalog {
  const models = new Map<string, Model>()
  for (const [id, model] of catalog.models) {
    const endpoints = model.endpoints.filter(isShown)
    if (endpoints.length === model.endpoints.length) models.set(id, model)
    else if (endpoints.length > 0) models.set(id, { ...model, endpoints })
  }
  return {
    ...catalog,
    models,
    endpoints: new Map([...catalog.endpoints].filter(([, endpoint]) => isShown(endpoint))),
  }
}
