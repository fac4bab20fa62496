import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Config } from '../../config/config.ts'
import { CallerCredentials } from '../../auth/caller-credentials.ts'
import { createBearerVerifier, type BearerVerifier } from '../../auth/verify-bearer.ts'
import { openTokens, type Tokens } from '../../auth/tokens.ts'
import { reading } from '../../store/damage/damage.ts'
import { API_KEYS_MIGRATIONS } from '../../store/migrations.ts'
import { openStore } from '../../store/store.ts'

/** Opens the API tokens, which have a database of their own, and creates the verifier of bearer tokens. `stack` closes the database. */
export function openApiKeys(
  { dataDir, adminToken, heroSecret }: Config,
  clock: Clock,
  stack: AsyncDisposableStack,
): { tokens: Tokens; bearerVerifier: BearerVerifier; callerCredentials: CallerCredentials } {
  const path = join(dataDir, 'apikeys.db')
  const options = { path, clock, durability: 'full', migrations: API_KEYS_MIGRATIONS } as const
  const store = stack.adopt(openStore(options), (open) => open.close())
  const tokens = reading(path, () => openTokens({ store, keyPath: join(dataDir, 'apikeys.key'), clock }))
  const callerCredentials = new CallerCredentials({ clock, tokens })
  const parts = { adminToken, heroSecret, tokens, callerCredentials, clock }
  return { tokens, callerCredentials, bearerVerifier: createBearerVerifier(parts) }
}
