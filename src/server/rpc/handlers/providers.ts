import { BrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import type { Model } from '../../../catalog/catalog.ts'
import type { ProviderPriorities } from '../../../config/provider-priorities.ts'
import type { KnownProvider } from '../../../providers/checks/known-provider.ts'
import type { Provider } from '../../../providers/provider.ts'
import type { KeyTest } from '../../../providers/checks/test-keys.ts'
import type { Result } from '../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../calls/handler-types.ts'
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
  const find = (name: string): KnownProvider => {
    const known = knownProviders()
    const found = known.find(({ definition }) => definition.id === name)
    if (found !== undefined) return found
    const names = known.map(({ definition }) => definition.id).join(', ')
    throw new BrokerError('not-found', `there is no provider “${truncate(name)}” here; known are ${names}`)
  }
  const allPriorities = (): Result<'priority.list'> => Object.fromEntries(priorities.all())
  return {
    'providers.list': async () => {
      const models = [...services.catalog().models.values()]
      return knownProviders().map((known) => providerRow(known, models, priorities.all()))
    },
    'providers.test': async ({ provider: name }, _caller, signal) => {
      const known = find(name)
      if (known.provider === undefined)
        throw new BrokerError(
          'not-found',
          `${name} has no key yet: set ${known.keyVariables[0]} and start again`,
        )
      const keys = (await known.testKeys(signal)).map(keyRow)
      return { provider: name, ok: keys.every(({ ok }) => ok), keys }
    },
    'providers.health': async ({ provider: name }) => {
      const wanted = name === undefined ? knownProviders() : [find(name)]
      return healthOf(
        wanted.flatMap(({ provider }) => provider ?? []),
        services,
      )
    },
    'priority.list': async () => allPriorities(),
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
