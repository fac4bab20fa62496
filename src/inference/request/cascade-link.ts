import type { Endpoint } from '../../catalog/catalog.ts'
import type { CascadeLink } from '../../ledger/types.ts'
import type { InferenceRequest, RequestContext } from './inference-request.ts'

/** Whether an endpoint is reached through a broker above this one. */
export function isAtMother({ hops }: Endpoint): boolean {
  return hops !== undefined
}

/** What the ledger keeps of a request's place in a cascade; `undefined` for a request without one. */
export function cascadeLinkOf(
  { candidates }: Pick<InferenceRequest, 'candidates'>,
  { hop }: Pick<RequestContext, 'hop'>,
): CascadeLink | undefined {
  const mothers = candidates.every(isAtMother)
    ? [...new Set(candidates.map(({ provider }) => provider))]
    : undefined
  if (hop === undefined && mothers === undefined) return undefined
  return {
    childRequest: hop?.request,
    path: hop?.path,
    childContext: hop?.context,
    childCaller: hop?.caller,
    lease: hop?.lease,
    mothers,
  }
}
