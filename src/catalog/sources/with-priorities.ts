import type { Catalog, Endpoint } from '../catalog.ts'

/** The catalogue with all endpoints of some providers put at another priority. */
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
