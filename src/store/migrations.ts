import { holdsAndEntries } from './migrations/0001-holds-and-entries.ts'
import { chainedEntries } from './migrations/0002-chained-entries.ts'

/** In order, and only ever longer: a step that was released never changes. The database's `user_version` counts them. */
export const MIGRATIONS: readonly string[] = [holdsAndEntries, chainedEntries]
