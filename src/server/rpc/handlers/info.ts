import type { AdminServices } from '../../../inference/services/services.ts'
import { BrokerError } from '../../../base/errors.ts'
import type { Model } from '../../../catalog/catalog.ts'
import { isAvailable } from '../../../catalog/find-model.ts'
import type { KeyState } from '../../../providers/keys/key-pool.ts'
import type { Mothers } from '../../../cascade/mothers/mothers.ts'
import type { Provider } from '../../../providers/provider.ts'
import type { Result } from '../../../wire/rpc/methods.ts'
import { isSameCaller } from '../../../auth/caller.ts'
import { offeredTo } from '../../../inference/services/offered.ts'
import type { HandlersOf, RpcCaller } from '../calls/handler-types.ts'
import { countEndpoints, stateOf } from './providers.ts'

export interface InfoFacts {
  readonly services: AdminServices
  readonly version: string
  readonly uptimeMs: () => number
  /** Whether all sockets are served. */
  readonly isServing: () => boolean
  readonly isMother: boolean
  readonly mothers: Mothers
  readonly sockets: readonly string[]
  readonly tcp: () => { readonly address: string; readonly port: number } | undefined
  readonly dataDir: string
  readonly modelsPath: string
  /** Errors in the models file since it was last read; empty when it is valid. */
  readonly problems: () => readonly string[]
  /** Whether the entries with problems are left out; otherwise the last good copy of the models file is in use. */
  readonly leavesOut: () => boolean
  /** What is wrong with the host or the process, a sentence each. */
  readonly hostWarnings: () => readonly string[]
}

export function infoHandlers(facts: InfoFacts): HandlersOf<'health' | 'info'> {
  return {
    async health() {
      if (!facts.isServing())
        throw new BrokerError('stopping', 'the broker is starting or stopping; retry in a moment')
      return {
        status: 'ok',
        service: 'hero_aibroker',
        version: facts.version,
        uptime_s: facts.uptimeMs() / 1000,
      }
    },
    info: async (_params, caller) => info(facts, caller),
  }
}

function info(facts: InfoFacts, caller: RpcCaller): Result<'info'> {
  const { services } = facts
  const seen = caller.role === 'admin' ? undefined : offeredTo(caller, services)
  const models = [...(seen?.catalog ?? services.catalog()).models.values()]
  const providers = seen?.providers ?? services.providers()
  const facing = seen === undefined ? operatorFacts(facts, models) : callerFacts(models)
  const holds = services.ledger.openHolds()
  return {
    version: facts.version,
    is_mother: facts.isMother,
    mother_count: facts.mothers.list().length,
    uptime_s: facts.uptimeMs() / 1000,
    providers: [...providers.values()].map((provider) => ({
      ...providerRow(provider, models),
      ...(seen === undefined && provider.proxy !== undefined ? { proxy: provider.proxy } : {}),
    })),
    models: models.filter((model) => isAvailable(model, providers)).length,
    routing_strategy: services.strategy,
    open_requests:
      seen === undefined ? holds.length : holds.filter((hold) => isSameCaller(hold.caller, caller)).length,
    ...facing,
  }
}

type FacingFacts = Pick<Result<'info'>, 'sockets' | 'tcp' | 'data_dir' | 'models_config' | 'warnings'>

/** What concerns the machine, its files and other callers. */
function operatorFacts(facts: InfoFacts, models: readonly Model[]): FacingFacts {
  const { services } = facts
  const tcp = facts.tcp()
  const problems = [...facts.problems()]
  const mistakes = problems.map(() => (facts.leavesOut() ? ENTRIES_LEFT_OUT : LAST_GOOD_COPY))
  const all = warnings(models, services.providers())
  return {
    sockets: [...facts.sockets],
    ...(tcp === undefined ? {} : { tcp }),
    data_dir: facts.dataDir,
    models_config: {
      path: facts.modelsPath,
      models: models.length,
      ...(problems.length === 0 ? {} : { problems }),
    },
    warnings: [...facts.hostWarnings(), ...mistakes, ...all, ...doubts(services)],
  }
}

/** Empty rather than absent, because clients of earlier versions read these fields. */
function callerFacts(models: readonly Model[]): FacingFacts {
  return { sockets: [], data_dir: '', models_config: { path: '', models: models.length }, warnings: [] }
}

function providerRow(provider: Provider, models: readonly Model[]): Result<'info'>['providers'][number] {
  return {
    name: provider.id,
    display_name: provider.displayName,
    keys: provider.keyCount,
    endpoints: countEndpoints(provider.id, models),
    state: stateOf(provider),
  }
}

/** States of a key that only a person can fix. */
const KEY_TROUBLE: Readonly<Partial<Record<KeyState['state'], string>>> = {
  'key-refused': 'is refused by it',
  forbidden: 'lacks a permission that a request needed',
  'no-credit': 'has no credit left there',
}

function keyWarnings(provider: Provider): string[] {
  return provider.keys().flatMap(({ number, state, availableInMs }) => {
    const trouble = KEY_TROUBLE[state]
    const minutes = Math.ceil(availableInMs / 60_000)
    return trouble === undefined
      ? []
      : [`key ${number} of ${provider.displayName} ${trouble}; it is tried again in ${minutes} min`]
  })
}

const LAST_GOOD_COPY = 'the models file has a mistake, the last good copy is in use'
const ENTRIES_LEFT_OUT = 'the models file has a mistake, its entries without one are in use'

function warnings(models: readonly Model[], providers: ReadonlyMap<string, Provider>): string[] {
  const unpriced = models
    .flatMap(({ endpoints }) => endpoints)
    .filter(({ provider, price }) => providers.has(provider) && price === undefined)
  return [
    ...[...providers.values()].flatMap(keyWarnings),
    ...(unpriced.length === 0
      ? []
      : [
          `${unpriced.length} endpoints have no price; their responses are booked as unpriced: ${unpriced[0]?.id ?? ''} …`,
        ]),
  ]
}

const DAY_MS = 86_400_000

/** Ledger entries of the last day whose figures an operator should check. */
function doubts({ ledger, clock }: AdminServices): string[] {
  const { unpriced, disputed } = ledger.needsReview(Math.floor((clock.now() - DAY_MS) / 1000))
  const rows = (count: number): string => (count === 1 ? '1 row' : `${count} rows`)
  return [
    ...(unpriced.count < 1
      ? []
      : [
          `the cost of ${rows(unpriced.count)} of the last 24 hours is unknown, the newest is ${unpriced.newest}: ` +
            'give the endpoint or tool a price; `ledger.rerate` then books what past answers cost',
        ]),
    ...(disputed.count === 0
      ? []
      : [
          `in ${rows(disputed.count)} of the last 24 hours the provider's own figure of the cost is far from ours, ` +
            `the newest is ${disputed.newest}: its flag says by how much, and the price may be out of date`,
        ]),
  ]
}
