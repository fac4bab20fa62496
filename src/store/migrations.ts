import { holdsAndEntries } from './migrations/0001-holds-and-entries.ts'
import { providerPriority } from './migrations/0003-provider-priority.ts'
import { keptAnswers } from './migrations/0004-kept-answers.ts'

/** In order, and only ever longer: a step that was released never changes. The database's `user_version` counts them. */
export const MIGRATIONS: readonly string[] = [holdsAndEntries, providerPriority, keptAnswers]
