import { join } from 'node:path'
import type { CallerCredentials } from '../../auth/caller-credentials.ts'
import type { BearerVerifier } from '../../auth/verify-bearer.ts'
import type { Tokens } from '../../auth/tokens.ts'
import type { Warnings } from '../../runtime/alarms/warnings.ts'
import { adviceFor } from '../../store/sqlite-errors.ts'
import { openStore, type Store } from '../../store/store.ts'
import { openApiKeys } from '../services/api-keys.ts'
import type { DaemonInstance } from './instance.ts'

export interface DaemonStorage {
  /** `requests.db` */
  readonly store: Store
  readonly tokens: Tokens
  readonly bearerVerifier: BearerVerifier
  readonly callerCredentials: CallerCredentials
}

/** Step 1: opens the databases of requests and of API tokens. Throws `cannot-start`. */
export function openStorage({ config, clock, warnings, stack }: DaemonInstance): DaemonStorage {
  const path = join(config.dataDir, 'requests.db')
  const onFull = warnWhenFull(warnings)
  const store = stack.adopt(openStore({ path, clock, durability: config.durability, onFull }), (open) =>
    open.close(),
  )
  return { store, ...openApiKeys(config, clock, stack) }
}

function warnWhenFull(warnings: Warnings): (reason: unknown) => void {
  return (reason) => {
    if (reason === undefined) return warnings.clear('ledger')
    const cause = reason instanceof Error ? reason.message : 'unknown cause'
    return warnings.raise(
      'ledger',
      `the ledger can’t be written (${cause}), so requests are refused: ${adviceFor(reason)}`,
    )
  }
}
