import { apiKeys } from './migrations/api-keys/api-keys-0001.ts'
import { holdsAndEntries } from './migrations/0001-holds-and-entries.ts'
import { providerPriority } from './migrations/0002-provider-priority.ts'
import { keptAnswers } from './migrations/0003-kept-answers.ts'
import { requestGroups } from './migrations/0005-request-groups.ts'
import { chainedEntries } from './migrations/0004-chained-entries.ts'
import { laterEntryColumns } from './migrations/0006-who-answered.ts'
import { upstreamIds } from './migrations/0007-upstream-ids.ts'
import { unitsOfMedia } from './migrations/0012-units-of-media.ts'
import { clearedDays } from './migrations/0008-cleared-days.ts'
import { refusedRequests } from './migrations/0009-refused-requests.ts'
import { mothers } from './migrations/cascade/0013-mothers.ts'
import { cascade } from './migrations/cascade/0014-cascade.ts'
import { heldLeases } from './migrations/cascade/0017-held-leases.ts'

/**
 * The migrations of `requests.db`, in order. A released migration never changes. The database's `user_version` counts them.
 */
export const MIGRATIONS: readonly string[] = [
  holdsAndEntries,
  providerPriority,
  keptAnswers,
  chainedEntries,
  requestGroups,
  laterEntryColumns,
  upstreamIds,
  clearedDays,
  refusedRequests,
  mothers,
  cascade,
  unitsOfMedia,
  heldLeases,
]

/** The migrations of `apikeys.db`. */
export const API_KEYS_MIGRATIONS: readonly string[] = [apiKeys]
