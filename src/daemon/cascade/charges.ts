import type { ReconcileParts } from '../../cascade/reconcile/reconcile.ts'
import { startChargeResolver } from '../../cascade/reconcile/resolve-charges.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { DaemonInstance } from '../startup/instance.ts'
import type { DaemonProviders } from '../startup/providers.ts'

/** How the mothers are asked what they charge. */
export function reconcileParts(ledger: Ledger, { registry }: DaemonProviders): ReconcileParts {
  return {
    ledger,
    getJsonOf(id) {
      const provider = registry.providers().get(id)
      return provider?.isMother === true ? provider.getJson : undefined
    },
  }
}

/** Books what mothers charge for requests that ended without a word from them; at once when a mother is up again. */
export function resolveCharges(
  { clock, log, stack }: DaemonInstance,
  ledger: Ledger,
  providers: DaemonProviders,
): void {
  const { registry, mothers } = providers
  const priceVersion = (): string => registry.catalog().version
  const resolver = startChargeResolver({ ...reconcileParts(ledger, providers), clock, log, priceVersion })
  stack.defer(() => resolver.close())
  mothers.onUp = () => resolver.look()
}
