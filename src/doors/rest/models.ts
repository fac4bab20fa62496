import type { Catalog, Model, Price } from '../../catalog/catalog.ts'
import { formatDollars, money, type Money } from '../../base/money.ts'
import type { Provider } from '../../providers/provider.ts'

/** `GET /models`: the models that can be asked for now, readable by OpenAI's and OpenRouter's clients. */
export function listModels(catalog: Catalog, providers: ReadonlyMap<string, Provider>): ModelList {
  const data = [...catalog.models.values()].flatMap((model) => {
    const endpoint = model.endpoints.find(({ provider }) => providers.has(provider))
    return endpoint === undefined ? [] : [rowOf(model, endpoint.provider, endpoint.price)]
  })
  return { object: 'list', data, total_count: data.length, links: { next: null } }
}

interface ModelList {
  readonly object: 'list'
  readonly data: readonly object[]
  readonly total_count: number
  readonly links: { readonly next: null }
}

function rowOf(model: Model, provider: string, price: Price | undefined): object {
  return {
    id: model.id,
    object: 'model',
    created: 0,
    owned_by: provider,
    name: model.displayName,
    context_length: model.contextWindow ?? null,
    ...(price === undefined ? {} : { pricing: pricingOf(price) }),
  }
}

/** OpenRouter's way: US dollars per token, as decimal strings. A price finer than a nano-dollar keeps its digits. */
function pricingOf(price: Price): Record<string, string> {
  return {
    prompt: perToken(price.input),
    completion: perToken(price.output),
    ...(price.cachedInput === undefined ? {} : { input_cache_read: perToken(price.cachedInput) }),
    ...(price.cacheWrite === undefined ? {} : { input_cache_write: perToken(price.cacheWrite) }),
  }
}

function perToken(perMillion: Money): string {
  const [whole = '0', fraction = ''] = formatDollars(money(perMillion)).split('.')
  const digits = `${whole.padStart(7, '0')}`
  const text = `${digits.slice(0, -6)}.${digits.slice(-6)}${fraction}`.replace(/0+$/, '').replace(/\.$/, '')
  return text.replace(/^0+(?=\d)/, '')
}
