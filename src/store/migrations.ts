import { apiKeys } from './migrations/0001-api-keys.ts'
import { holdsAndEntries } from './migrations/0001-holds-and-entries.ts'
import { keptAnswers } from './migrations/0004-kept-answers.ts'
import { requestGroups } from './migrations/0005-request-groups.ts'
import { chainedEntries } from './migrations/0002-chained-entries.ts'

/** In order, and only ever longer: a step that was released never changes. The database's `user_version` counts them. */
export const MIGRATIONS: readonly string[] = [holdsAndEntries, chainedEntries, keptAnswers, requestGroups]

/** Those of `apikeys.db`. */
export const API_KEYS_MIGRATIONS: readonly string[] = [apiKeys]
