import type { Offer } from './endpoint-candidate.ts'

/** Whether a slug of a request matches this provider: `groq` and `groq/fast` both match Groq. */
export function meansProvider(slug: string, provider: string): boolean {
  return slug === provider || slug.startsWith(`${provider}/`)
}

/**
 * The index of a candidate's provider in a list of slugs; -1 when it is not in it. A router matches every slug that none of
 * the `direct` providers of the model matches, because it may reach that provider.
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

/** The providers of the candidates that are no routers. */
export function directProviders(offers: readonly Offer[]): ReadonlySet<string> {
  return new Set(
    offers.flatMap(({ endpoint, state }) => (state.speaksOpenRouter === true ? [] : [endpoint.provider])),
  )
}
