import { brokerIdIn } from '../../cascade/hop/broker-id.ts'
import type { Config } from '../../config/config.ts'
import type { CascadeServices } from '../../inference/services/services.ts'

/** What this broker is in a cascade; the same in all its processes. */
export function cascadeServices({ dataDir, maxHops, cascadeRetries }: Config): CascadeServices {
  return { brokerId: brokerIdIn(dataDir), maxHops, maxAttempts: 1 + cascadeRetries }
}
