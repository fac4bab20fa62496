import type { RouterEndpoint } from '../catalog/sources/router-endpoints.ts'
import type { RoutingWishes } from '../wire/openai/routing-preferences.ts'
import { quantizationFits, tooDear } from './price-and-quantization.ts'
import { meansProvider } from './provider-slugs.ts'

/** How callers name OpenRouter itself among our providers. */
const ROUTER = 'openrouter'

/** One wish, held against one endpoint behind a router. */
interface Condition {
  /** How the wish is called in a request. */
  readonly name: string
  readonly isMet: (endpoint: RouterEndpoint, wishes: RoutingWishes) => boolean
}

const CONDITIONS: readonly Condition[] = [
  { name: 'provider.only', isMet: ({ tag }, { preferences }) => isNamed(tag, preferences.only) },
  {
    name: 'provider.order without fallbacks',
    isMet: ({ tag }, { preferences }) => preferences.allowFallbacks || isNamed(tag, preferences.order),
  },
  {
    name: 'provider.ignore',
    isMet: ({ tag }, { preferences }) =>
      preferences.ignore?.some((slug) => meansProvider(tag, slug)) !== true,
  },
  {
    name: 'provider.quantizations',
    isMet: ({ quantization }, { preferences }) =>
      preferences.quantizations?.some((wanted) => quantizationFits(wanted, quantization)) !== false,
  },
  {
    name: 'max_tokens',
    isMet: ({ maxOutputTokens = Infinity }, { needs }) => (needs.maxTokens ?? 0) <= maxOutputTokens,
  },
  {
    name: 'provider.require_parameters',
    isMet: ({ supportedParameters }, { preferences, needs }) =>
      !preferences.requireParameters || needs.parameters.every((name) => supportedParameters.includes(name)),
  },
  {
    name: 'provider.max_price',
    isMet: ({ price }, { preferences: { maxPrice } }) =>
      price === undefined || maxPrice === undefined || tooDear(price, maxPrice) === undefined,
  },
]

/** The wish that none of a router's endpoints meets, with those before it; `undefined` when somebody meets them all. */
export function unmetBehind(endpoints: readonly RouterEndpoint[], wishes: RoutingWishes): string | undefined {
  let left = endpoints
  for (const { name, isMet } of CONDITIONS) {
    left = left.filter((endpoint) => isMet(endpoint, wishes))
    if (left.length === 0) return name
  }
  return undefined
}

/** A list that names nobody behind the router wishes nothing of them. */
function isNamed(tag: string, slugs: readonly string[] | undefined): boolean {
  const others = slugs?.filter((slug) => slug !== ROUTER) ?? []
  return others.length === 0 || others.some((slug) => meansProvider(tag, slug))
}
