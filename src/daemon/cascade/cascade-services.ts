import { brokerIdIn } from '../../cascade/hop/broker-id.ts'
import type { LeaseTaker } from '../../cascade/leases/lease-holders.ts'
import type { Config } from '../../config/config.ts'
import type { CascadeServices } from '../../inference/services/services.ts'

/**
 * What this broker is in a cascade; the same in all its processes.
 *
 * @param leases its leases at brokers above; in the primary alone.
 */
export function cascadeServices(
  { dataDir, maxHops, cascadeRetries }: Config,
  leases?: LeaseTaker,
): CascadeServices {
  return { brokerId: brokerIdIn(dataDir), maxHops, maxAttempts: 1 + cascadeRetries, leases }
}
