import { BrokerError } from '../../../base/errors.ts'
import { shortName } from '../../../base/text.ts'
import type { Rooms } from '../../../inference/services/services.ts'

/**
 * Throws `not-found` for a provider that is neither configured nor in the catalogue: a caller restricted to a misspelt
 * provider could use none at all.
 */
export function checkProviders(names: readonly string[] = [], rooms: Rooms): void {
  const known = new Set(rooms.providers().keys())
  for (const { provider } of rooms.catalog().endpoints.values()) known.add(provider)
  const stranger = names.find((name) => !known.has(name))
  if (stranger === undefined) return
  throw new BrokerError(
    'not-found',
    `there is no provider “${shortName(stranger)}” here; known are ${[...known].join(', ')}`,
  )
}
