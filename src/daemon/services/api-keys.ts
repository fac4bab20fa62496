import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Config } from '../../config/config.ts'
import { createGate, type Gate } from '../../auth/verify-bearer.ts'
import { openTokens, type Tokens } from '../../auth/tokens.ts'
import { API_KEYS_MIGRATIONS } from '../../store/migrations.ts'
import { openStore } from '../../store/store.ts'

/** The tokens that callers may show, in a file of their own, and the gate that reads what they show. `stack` closes it. */
export function openKeys(
  { dataDir, adminToken, heroSecret }: Config,
  clock: Clock,
  stack: AsyncDisposableStack,
): { tokens: Tokens; gate: Gate } {
  const path = join(dataDir, 'apikeys.db')
  const options = { path, clock, durability: 'full', migrations: API_KEYS_MIGRATIONS } as const
  const store = stack.adopt(openStore(options), (open) => open.close())
  const tokens = openTokens({ store, keyPath: join(dataDir, 'apikeys.key'), clock })
  return { tokens, gate: createGate({ adminToken, heroSecret, tokens, clock }) }
}
