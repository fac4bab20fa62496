import type { Offer } from './endpoint-candidate.ts'

/** Whether a caller's slug means this provider: `groq` and `groq/fast` both mean Groq. */
export function meansProvider(slug: string, provider: string): boolean {
  return slug === provider || slug.startsWith(`${provider}/`)
}

/**
 * Where an offer stands in a list of slugs; -1 when nowhere. A router stands for every slug that none of the
 * `direct` providers of the model answers to: a provider that only it has is asked through it.
 */
export function placeIn(
  slugs: readonly string[],
  { endpoint, state }: Offer,
  direct: ReadonlySet<string>,
): number {
  return slugs.findIndex((slug) => {
    if (meansProvider(slug, endpoint.provider)) return true
    return state.speaksOpenRouter === true && ![...direct].some((provider) => meansProvider(slug, provider))
  })
}

/** The providers among the offers that answer themselves. */
export function directProviders(offers: readonly Offer[]): ReadonlySet<string> {
  return new Set(
    offers.flatMap(({ endpoint, state }) => (state.speaksOpenRouter === true ? [] : [endpoint.provider])),
  )
}
