import { BrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import type { Model } from '../../../catalog/catalog.ts'
import type { ProviderPriorities } from '../../../store/settings/provider-priorities.ts'
import type { KnownProvider } from '../../../providers/checks/known-provider.ts'
import type { Provider } from '../../../providers/provider.ts'
import type { KeyTest } from '../../../providers/checks/test-keys.ts'
import type { Result } from '../../../wire/rpc/methods.ts'
import { offeredTo } from '../../../inference/services/offered.ts'
import type { HandlersOf, RpcCaller } from '../calls/handler-types.ts'
import { healthOf } from '../checks/provider-health.ts'

export interface ProvidersFacts {
  readonly services: AdminServices
  readonly knownProviders: () => readonly KnownProvider[]
  readonly priorities: ProviderPriorities
}

type Names = 'providers.list' | 'providers.test' | 'providers.health' | 'priority.list' | 'priority.set'

export function providersHandlers({
  services,
  knownProviders,
  priorities,
}: ProvidersFacts): HandlersOf<Names> {
  const visibleTo = (caller: RpcCaller): readonly KnownProvider[] => {
    if (caller.role === 'admin') return knownProviders()
    const { providers } = offeredTo(caller, services)
    return knownProviders().filter(({ definition }) => providers.has(definition.id))
  }
  const find = (name: string, known = knownProviders()): KnownProvider => {
    const found = known.find(({ definition }) => definition.id === name)
    if (found !== undefined) return found
    const names = known.map(({ definition }) => definition.id).join(', ')
    throw new BrokerError('not-found', `there is no provider “${truncate(name)}” here; known are ${names}`)
  }
  const allPriorities = (): Result<'priority.list'> => Object.fromEntries(priorities.all())
  return {
    'providers.list': async (_params, caller) => {
      const isAdmin = caller.role === 'admin'
      const { catalog } = isAdmin ? { catalog: services.catalog() } : offeredTo(caller, services)
      const models = [...catalog.models.values()]
      return visibleTo(caller).map((known) => ({
        ...providerRow(known, models, priorities.all()),
        ...(isAdmin ? {} : { key_variables: [], host: '' }),
      }))
    },
    'providers.test': async ({ provider: name }, _caller, signal) => {
      const known = find(name)
      if (known.provider === undefined)
        throw new BrokerError(
          'not-found',
          `${name} is not configured yet: set ${known.keyVariables[0]} and start again`,
        )
      const keys = (await known.testKeys(signal)).map(keyRow)
      return { provider: name, ok: keys.every(({ ok }) => ok), keys }
    },
    'providers.health': async ({ provider: name }, caller) => {
      const seen = visibleTo(caller)
      const wanted = name === undefined ? seen : [find(name, seen)]
      const health = healthOf(
        wanted.flatMap(({ provider }) => provider ?? []),
        services,
      )
      if (caller.role === 'admin') return health
      const { endpoints } = offeredTo(caller, services).catalog
      return { endpoints: health.endpoints.filter(({ endpoint }) => endpoints.has(endpoint)), keys: [] }
    },
    'priority.list': async (_params, caller) => {
      const seen = new Set(visibleTo(caller).map(({ definition }) => definition.id))
      const all = Object.entries(allPriorities())
      return Object.fromEntries(caller.role === 'admin' ? all : all.filter(([name]) => seen.has(name)))
    },
    'priority.set': async ({ provider, priority }) => {
      // The priority of a provider that no longer exists can still be cleared.
      if (!priorities.all().has(provider)) find(provider)
      await priorities.set(provider, priority ?? undefined)
      return allPriorities()
    },
  }
}

function providerRow(
  { definition, host, keyVariables, provider }: KnownProvider,
  models: readonly Model[],
  priorities: ReadonlyMap<string, number>,
): Result<'providers.list'>[number] {
  const priority = priorities.get(definition.id)
  return {
    name: definition.id,
    display_name: definition.displayName,
    state: provider === undefined ? 'no-key' : stateOf(provider),
    keys: provider?.keyCount ?? 0,
    key_variables: [...keyVariables],
    host,
    endpoints: countEndpoints(definition.id, models),
    ...(priority === undefined ? {} : { priority }),
    is_stand_in: definition.isMock ?? false,
    abort_stops_billing: definition.abortStopsBilling,
    abort_stops_plain_billing: definition.abortStopsPlainBilling === true,
  }
}

/** The state of a provider is that of its best key. */
export function stateOf(provider: Provider): 'ready' | 'cooling' | 'failing' {
  const states = provider.keys().map(({ state }) => state)
  if (states.includes('ready')) return 'ready'
  return states.some((state) => state === 'limited' || state === 'own-limit') ? 'cooling' : 'failing'
}

/** How many endpoints a provider has among these models. */
export function countEndpoints(provider: string, models: readonly Model[]): number {
  return models.flatMap(({ endpoints }) => endpoints).filter((endpoint) => endpoint.provider === provider)
    .length
}

function keyRow({ key, ms, models, error, clockAheadS }: KeyTest): Result<'providers.test'>['keys'][number] {
  return {
    ...(key === undefined ? {} : { key }),
    ok: error === undefined,
    ms,
    ...(models === undefined ? {} : { models }),
    ...(clockAheadS === undefined ? {} : { clock_ahead_s: clockAheadS }),
    ...(error === undefined ? {} : { error: error.message }),
    ...(error?.details.status === undefined ? {} : { status: error.details.status }),
  }
}
