import type { Catalog, Model, Price } from '../../catalog/catalog.ts'
import { formatDollars, type Money } from '../../base/money.ts'
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

/** OpenRouter's way: US dollars per token, as decimal strings; what isn't known is left out. */
function pricingOf(price: Price): Record<string, string> {
  const rates = {
    prompt: price.input,
    completion: price.output,
    input_cache_read: price.cachedInput,
    input_cache_write: price.cacheWrite,
    internal_reasoning: price.reasoning,
    audio: price.audioInput,
    audio_output: price.audioOutput,
  }
  const known = Object.entries(rates).flatMap(([name, rate]) =>
    rate === undefined ? [] : [[name, perToken(rate)] as const],
  )
  return Object.fromEntries(known)
}

/** A price finer than a nano-dollar per token keeps its digits. */
function perToken(perMillion: Money): string {
  const [whole = '0', fraction = ''] = formatDollars(perMillion).split('.')
  const digits = whole.padStart(7, '0')
  const text = `${digits.slice(0, -6)}.${digits.slice(-6)}${fraction}`
  return text.replace(/0+$/, '').replace(/\.$/, '')
}
