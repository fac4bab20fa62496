import { BrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import type { AdminServices } from '../../../inference/services/services.ts'

/**
 * Throws `not-found` for a provider that is neither configured nor in the catalogue: a caller restricted to a misspelt
 * provider could use none at all.
 */
export function checkProviders(names: readonly string[] = [], services: AdminServices): void {
  const known = new Set(services.providers().keys())
  for (const { provider } of services.catalog().endpoints.values()) known.add(provider)
  const unknown = names.find((name) => !known.has(name))
  if (unknown === undefined) return
  throw new BrokerError(
    'not-found',
    `there is no provider “${truncate(unknown)}” here; known are ${[...known].join(', ')}`,
  )
}
