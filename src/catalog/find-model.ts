import { findNearest } from '../base/nearest-names.ts'
import type { Catalog, Endpoint, Model } from './catalog.ts'

/** What a requested model name stands for. */
export type ModelMatch =
  | { readonly type: 'model'; readonly model: Model }
  /** One endpoint alone: the name includes the provider. */
  | { readonly type: 'endpoint'; readonly endpoint: Endpoint; readonly model: Model }

/** Looks a name up: as one of our models, as OpenRouter's `author/slug`, as an endpoint's `provider/model_id`. */
export function findByName(catalog: Catalog, name: string): ModelMatch | undefined {
  const model = catalog.models.get(name) ?? findBySlug(catalog, name)
  if (model !== undefined) return { type: 'model', model }
  const endpoint = catalog.endpoints.get(name)
  const owner = endpoint === undefined ? undefined : catalog.models.get(endpoint.model)
  return endpoint === undefined || owner === undefined
    ? undefined
    : { type: 'endpoint', endpoint, model: owner }
}

/** The model that OpenRouter calls `slug` (`author/name`), going by the rows that offer it there. */
export function findBySlug(catalog: Catalog, slug: string): Model | undefined {
  const endpoint = catalog.endpoints.get(`openrouter/${slug}`)
  return endpoint === undefined ? undefined : catalog.models.get(endpoint.model)
}

/** Up to `count` model names that are similar to `name`, the most similar first. For “did you mean”. */
export function nearestNames(catalog: Catalog, name: string, count: number): string[] {
  return findNearest(catalog.models.keys(), name, { kind: 'slug', limit: count })
}

/** Whether the model can be requested: one of its endpoints is run by a configured provider. */
export function isAvailable(model: Model, providers: { has(id: string): boolean }): boolean {
  return model.endpoints.some(({ provider }) => providers.has(provider))
}
