import type { Model } from './catalog.ts'

/** Whether one of the model's endpoints is run by a provider that is set up here. */
export function isAvailable(model: Model, providers: { has(id: string): boolean }): boolean {
  return model.endpoints.some(({ provider }) => providers.has(provider))
}
