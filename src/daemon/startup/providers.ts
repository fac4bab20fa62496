import { createProviderPriorities, type ProviderPriorities } from '../../config/provider-priorities.ts'
import { startHealthProbes } from '../../providers/checks/health-probes.ts'
import { createHealthRegistry, type HealthRegistry } from '../../providers/health/endpoint-health.ts'
import { reading } from '../../store/damage/damage.ts'
import type { Store } from '../../store/store.ts'
import { openProviderRegistry, type ProviderRegistry } from '../providers/provider-registry.ts'
import type { WorkerBroadcast } from '../workers/primary/worker-broadcast.ts'
import type { DaemonInstance } from './instance.ts'
import type { DaemonStorage } from './storage.ts'

export interface DaemonProviders {
  readonly registry: ProviderRegistry
  readonly health: HealthRegistry
  readonly priorities: ProviderPriorities
}

/** Step 3: sets up the providers and their models, and starts the health probes. Throws what is wrong with the models file. */
export async function openProviders(
  instance: DaemonInstance,
  { store }: DaemonStorage,
  broadcast: WorkerBroadcast,
): Promise<DaemonProviders> {
  const { config, clock, log, sockets, stack } = instance
  const health = createHealthRegistry({ clock })
  const registry = stack.use(
    await openProviderRegistry({ config, clock, log, health, socketFolder: sockets.folder }),
  )
  registry.onChange = () => broadcast.sendRegistry()
  const { probeEveryMs: everyMs } = config
  if (everyMs !== undefined)
    stack.defer(
      startHealthProbes({ providers: () => registry.providers(), health, clock, intervalMs: everyMs }),
    )
  return { registry, health, priorities: livePriorities(store, registry, broadcast) }
}

/** A priority that an administrator sets is stored and takes effect at once, in every process. */
function livePriorities(
  store: Store,
  registry: ProviderRegistry,
  broadcast: WorkerBroadcast,
): ProviderPriorities {
  const priorities = reading(store.path, () => createProviderPriorities(store))
  registry.setPriorities(priorities.all())
  return {
    all: () => priorities.all(),
    async set(provider, priority) {
      await priorities.set(provider, priority)
      registry.setPriorities(priorities.all())
      await broadcast.registrySent()
    },
  }
}
