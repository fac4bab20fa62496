import { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import type { Restriction } from '../../limits/limit-rule.ts'

/** The version of the policy that a broker keeps to, as its list of models tells. */
export const POLICY_VERSION = 1

/** Where a request may be served, as one broker tells it to the next. Each member restricts; an absent one does not. */
const policy = z.strictObject({
  providers: z.array(z.string().max(128)).max(64).optional(),
  regions: z.array(z.string().max(8)).max(64).optional(),
  no_training: z.literal(true).optional(),
  no_retention: z.literal(true).optional(),
  local_only: z.literal(true).optional(),
})

export type PolicyJson = z.infer<typeof policy>

/**
 * The restrictions of a caller together, for a broker above and for `x_aibroker.policy`; `undefined` when there are none.
 * Models are left out: which may be named is decided where the caller is known.
 */
export function policyOf(restrictions: readonly Restriction[]): PolicyJson | undefined {
  const json: PolicyJson = {
    ...listed('providers', restrictions),
    ...listed('regions', restrictions),
    ...(restrictions.some(({ noTraining }) => noTraining === true) ? { no_training: true } : {}),
    ...(restrictions.some(({ noRetention }) => noRetention === true) ? { no_retention: true } : {}),
    ...(restrictions.some(({ isLocalOnly }) => isLocalOnly) ? { local_only: true } : {}),
  }
  return Object.keys(json).length === 0 ? undefined : json
}

/** What every list allows. */
function listed<N extends 'providers' | 'regions'>(
  name: N,
  restrictions: readonly Restriction[],
): { readonly [K in N]?: string[] } {
  const [first, ...others] = restrictions.flatMap((restriction) => restriction[name] ?? [])
  if (first === undefined) return {}
  const common = [...first].filter((each) => others.every((other) => other.has(each)))
  return { [name]: common } as { readonly [K in N]?: string[] }
}

/** The policy as a header. */
export function policyHeader(json: PolicyJson): string {
  return JSON.stringify(json).replaceAll(
    /[^\x20-\x7e]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Reads the header. Throws `none-fits` for a restriction that this broker does not know, and so can't keep. */
export function readPolicy(value: string | string[] | undefined): Restriction | undefined {
  if (value === undefined) return undefined
  const parsed = policy.safeParse(jsonOf(String(value)))
  if (!parsed.success)
    throw new BrokerError(
      'none-fits',
      'the policy that came with this request has a restriction that this broker can’t keep; update it, or bind the context to other providers',
    )
  const { providers, regions, no_training, no_retention, local_only } = parsed.data
  return {
    providers: providers === undefined ? undefined : new Set(providers),
    regions: regions === undefined ? undefined : new Set(regions),
    models: undefined,
    noTraining: no_training,
    noRetention: no_retention,
    isLocalOnly: local_only === true,
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
