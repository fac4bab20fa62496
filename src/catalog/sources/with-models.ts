import type { Catalog, Model } from '../catalog.ts'

/** The catalogue and some more models; where both know a name, the catalogue's own model stays. */
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
