import type { EndpointCandidate } from './endpoint-candidate.ts'

/** Whether a slug of a request matches this provider: `groq` and `groq/fast` both match Groq. */
export function matchesProvider(slug: string, provider: string): boolean {
  return slug === provider || slug.startsWith(`${provider}/`)
}

/**
 * The index of a candidate's provider in a list of slugs; -1 when it is not in it. A router matches every slug that none of
 * the `direct` providers of the model matches, because it may reach that provider.
 */
export function indexInSlugs(
  slugs: readonly string[],
  { endpoint, state }: EndpointCandidate,
  direct: ReadonlySet<string>,
): number {
  return slugs.findIndex((slug) => {
    if (matchesProvider(slug, endpoint.provider)) return true
    return state.speaksOpenRouter === true && ![...direct].some((provider) => matchesProvider(slug, provider))
  })
}

/** The providers of the candidates that are no routers. */
export function directProviders(candidates: readonly EndpointCandidate[]): ReadonlySet<string> {
  return new Set(
    candidates.flatMap(({ endpoint, state }) => (state.speaksOpenRouter === true ? [] : [endpoint.provider])),
  )
}
