import type { Catalog, Endpoint, Model } from '../catalog.ts'

/** Adds models to a catalogue; where both have a name, the catalogue's own model stays. */
export function withModels(catalog: Catalog, added: readonly Model[]): Catalog {
  const fresh = added.filter(({ id }) => !catalog.models.has(id))
  const endpoints = fresh.flatMap((model) => model.endpoints)
  return Object.freeze({
    version: catalog.version,
    models: new Map([...catalog.models, ...fresh.map((model) => [model.id, model] as const)]),
    endpoints: new Map([
      ...endpoints.map((endpoint) => [endpoint.id, endpoint] as const),
      ...catalog.endpoints,
    ]),
  })
}

/** Sets the priority of all endpoints of some providers. */
export function withPriorities(catalog: Catalog, priorities: ReadonlyMap<string, number>): Catalog {
  if (priorities.size === 0) return catalog
  const moved = (endpoint: Endpoint): Endpoint => {
    const priority = priorities.get(endpoint.provider)
    return priority === undefined ? endpoint : Object.freeze({ ...endpoint, priority })
  }
  const models = [...catalog.models].map(([id, model]) => {
    const changed = Object.freeze({ ...model, endpoints: Object.freeze(model.endpoints.map(moved)) })
    return [id, changed] as const
  })
  const endpoints = [...catalog.endpoints].map(([id, endpoint]) => [id, moved(endpoint)] as const)
  return Object.freeze({ version: catalog.version, models: new Map(models), endpoints: new Map(endpoints) })
}
