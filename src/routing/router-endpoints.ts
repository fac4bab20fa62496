import type { RouterEndpoint } from '../catalog/sources/router-endpoints.ts'
import type { RoutingPreferences } from '../wire/openai/routing/routing-preferences.ts'
import { quantizationMatches, maxPriceExcess } from './price-and-quantization.ts'
import { matchesProvider } from './provider-slugs.ts'

/** The slug of OpenRouter itself. */
const ROUTER = 'openrouter'

/** One condition of a request on the endpoints of a router. */
interface Condition {
  /** Its name in a request. */
  readonly name: string
  readonly isMet: (endpoint: RouterEndpoint, requested: RoutingPreferences) => boolean
}

const CONDITIONS: readonly Condition[] = [
  { name: 'provider.only', isMet: ({ tag }, { preferences }) => isListed(tag, preferences.only) },
  {
    name: 'provider.order without fallbacks',
    isMet: ({ tag }, { preferences }) => preferences.allowFallbacks || isListed(tag, preferences.order),
  },
  {
    name: 'provider.ignore',
    isMet: ({ tag }, { preferences }) =>
      preferences.ignore?.some((slug) => matchesProvider(tag, slug)) !== true,
  },
  {
    name: 'provider.quantizations',
    isMet: ({ quantization }, { preferences }) =>
      preferences.quantizations?.some((wanted) => quantizationMatches(wanted, quantization)) !== false,
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
      price === undefined || maxPrice === undefined || maxPriceExcess(price, maxPrice) === undefined,
  },
]

/** The first condition that, together with those before it, none of a router's endpoints meets; `undefined` when one meets all. */
export function unmetCondition(
  endpoints: readonly RouterEndpoint[],
  requested: RoutingPreferences,
): string | undefined {
  let remaining = endpoints
  for (const { name, isMet } of CONDITIONS) {
    remaining = remaining.filter((endpoint) => isMet(endpoint, requested))
    if (remaining.length === 0) return name
  }
  return undefined
}

/** A list that names no provider besides the router itself is no condition on its endpoints. */
function isListed(tag: string, slugs: readonly string[] | undefined): boolean {
  const others = slugs?.filter((slug) => slug !== ROUTER) ?? []
  return others.length === 0 || others.some((slug) => matchesProvider(tag, slug))
}
