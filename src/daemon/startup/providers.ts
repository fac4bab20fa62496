import {
  createProviderPriorities,
  type ProviderPriorities,
} from '../../store/settings/provider-priorities.ts'
import { LeaseHolders } from '../../cascade/leases/lease-holders.ts'
import { openMothers, type Mothers } from '../../cascade/mothers/mothers.ts'
import { BrokerError } from '../../base/errors.ts'
import { startHealthProbes } from '../../providers/checks/health-probes.ts'
import { createHealthRegistry, type HealthRegistry } from '../../providers/health/endpoint-health.ts'
import { damagedDatabase } from '../../store/damage/damage.ts'
import type { SettingsStore } from '../../store/settings/settings-store.ts'
import { openSettings, type OpenSettings } from '../cascade/settings.ts'
import { openProviderRegistry, type ProviderRegistry } from '../providers/provider-registry.ts'
import type { WorkerBroadcast } from '../workers/primary/worker-broadcast.ts'
import type { DaemonInstance } from './instance.ts'
import type { DaemonStorage } from './storage.ts'

export interface DaemonProviders {
  readonly registry: ProviderRegistry
  readonly health: HealthRegistry
  readonly priorities: ProviderPriorities
  /** The brokers above this one. */
  readonly mothers: Mothers
  /** The leases of this broker there. */
  readonly heldLeases: LeaseHolders
  /** Where both are kept. */
  readonly settings: OpenSettings
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
  const settings = await openSettings(config, store)
  stack.defer(() => settings.store.close())
  const notice = settings.notice()
  if (notice !== undefined) log.warn({}, notice)
  const priorities = await livePriorities(settings.store, registry, broadcast)
  const heldLeases = new LeaseHolders({
    store,
    clock,
    postOf: (mother) => registry.providers().get(mother)?.postJson,
  })
  stack.defer(() => heldLeases.close())
  const mothers = await liveMothers(settings.store, registry, heldLeases, instance)
  stack.defer(() => mothers.close())
  return { registry, health, priorities, mothers, heldLeases, settings }
}

function liveMothers(
  settings: SettingsStore,
  registry: ProviderRegistry,
  heldLeases: LeaseHolders,
  { config, clock, log }: DaemonInstance,
): Promise<Mothers> {
  return openMothers({
    settings,
    clock,
    log,
    tokenIn: (variable) => config.keysOf('mother', variable)[0],
    fetchModels: (id) => {
      const fetched = registry.providers().get(id)?.getJson?.(MOTHER_MODELS)
      return fetched ?? Promise.reject(new BrokerError('unreachable', `${id} is not set up`))
    },
    onProviders: (providers) => registry.setMothers(providers),
    onModels: (listings) => registry.setMotherModels(listings),
    onMothers: (mothers) => heldLeases.follow(mothers),
  })
}

/** Every kind of model. */
const MOTHER_MODELS = '/models?output_modalities=all'

/** A priority that an administrator sets is stored and takes effect at once, in every process. */
async function livePriorities(
  settings: SettingsStore,
  registry: ProviderRegistry,
  broadcast: WorkerBroadcast,
): Promise<ProviderPriorities> {
  const priorities = await createProviderPriorities(settings).catch((error: unknown) => {
    throw damagedDatabase(settings.location, error)
  })
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
