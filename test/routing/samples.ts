import { parseUsd } from '../../src/base/money.ts'
import type { Catalog, Endpoint, Model } from '../../src/catalog/catalog.ts'
import type { ProviderState } from '../../src/routing/endpoint-candidate.ts'

/** A short form of an endpoint. */
export interface SampleEndpoint {
  readonly at: string
  readonly priority?: number
  /** Dollars per million tokens, in and out; absent is unknown. */
  readonly usd?: number
}

function endpointOf(model: string, { at, priority = 10, usd }: SampleEndpoint): Endpoint {
  const [provider = '', ...rest] = at.split('/')
  const price =
    usd === undefined
      ? undefined
      : { input: parseUsd(usd), output: parseUsd(usd), source: undefined, date: undefined }
  const limits = { contextWindow: undefined, maxOutputTokens: undefined }
  return { id: at, provider, modelId: rest.join('/'), model, priority, price, ...limits }
}

export function catalogOf(
  models: Record<
    string,
    { tier?: string; kind?: Model['kind']; isDiscovered?: boolean; offers: SampleEndpoint[] }
  >,
): Catalog {
  const rows = Object.entries(models).map(
    ([id, { tier = 'standard', kind = 'chat', isDiscovered, offers }]): Model => {
      const endpoints = offers.map((sample) => endpointOf(id, sample))
      return {
        id,
        displayName: id,
        kind,
        tier,
        capabilities: [],
        contextWindow: undefined,
        maxOutputTokens: undefined,
        endpoints,
        isDiscovered,
      }
    },
  )
  const endpoints = rows.flatMap((model) => model.endpoints)
  return {
    version: 'test',
    models: new Map(rows.map((model) => [model.id, model])),
    endpoints: new Map(endpoints.map((endpoint) => [endpoint.id, endpoint])),
  }
}

export const providers = (...ids: string[]): ReadonlyMap<string, ProviderState> =>
  new Map(ids.map((id) => [id, { isMock: id === 'local', speaksOpenRouter: id === 'openrouter' }]))
