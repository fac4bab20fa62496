import { formatDollars, type Money } from '../../base/money.ts'
import type { Rooms } from '../../broker/rooms.ts'
import type { Endpoint, Model, Price, Rates } from '../../catalog/catalog.ts'
import { isAvailable } from '../../catalog/is-available.ts'
import type { Tokens } from '../../contexts/tokens.ts'
import type { RuleBook } from '../../limits/rule-book.ts'
import type { LaneState } from '../../providers/key-pool.ts'
import type { Provider } from '../../providers/provider.ts'
import type { Params, Result } from '../../wire/rpc.ts'
import type { Handlers } from './handlers.ts'
import { mcpHandlers } from './mcp-handlers.ts'
import { moneyHandlers } from './money-handlers.ts'
import { tokenHandlers } from './token-handlers.ts'

/** What the methods speak of. */
export interface BrokerFacts {
  readonly rooms: Rooms
  readonly rules: RuleBook
  readonly tokens: Tokens
  readonly version: string
  readonly uptimeMs: () => number
  readonly isMother: boolean
  readonly sockets: readonly string[]
  readonly tcp: () => { readonly address: string; readonly port: number } | undefined
  readonly dataDir: string
  readonly modelsPath: string
  /** What is wrong with the models file since it was last read; empty when all is well. */
  readonly problems: () => readonly string[]
}

/** Every method of the contract, answered from the broker's rooms. */
export function brokerHandlers(facts: BrokerFacts): Handlers {
  return {
    health: async () => ({
      status: 'ok',
      service: 'hero_aibroker',
      version: facts.version,
      uptime_s: facts.uptimeMs() / 1000,
    }),
    info: async () => info(facts),
    ...mcpHandlers(facts.rooms.tools),
    'models.list': async (params) => listModels(params, facts.rooms),
    'models.refresh': async () => [...(await facts.rooms.lists.refresh())],
    ...moneyHandlers(facts),
    ...tokenHandlers(facts),
  }
}

function info(facts: BrokerFacts): Result<'info'> {
  const { rooms } = facts
  const models = [...rooms.catalog().models.values()]
  const providers = rooms.providers()
  const tcp = facts.tcp()
  const problems = [...facts.problems()]
  return {
    version: facts.version,
    is_mother: facts.isMother,
    mother_count: 0,
    uptime_s: facts.uptimeMs() / 1000,
    sockets: [...facts.sockets],
    ...(tcp === undefined ? {} : { tcp }),
    providers: [...providers.values()].map((provider) => providerRow(provider, models)),
    models: models.filter((model) => isAvailable(model, providers)).length,
    data_dir: facts.dataDir,
    models_config: {
      path: facts.modelsPath,
      models: models.length,
      ...(problems.length === 0 ? {} : { problems }),
    },
    routing_strategy: rooms.strategy,
    open_requests: rooms.ledger.openHolds().length,
    warnings: warnings(problems, models, providers),
  }
}

function providerRow(provider: Provider, models: readonly Model[]): Result<'info'>['providers'][number] {
  return {
    name: provider.id,
    display_name: provider.displayName,
    keys: provider.keyCount,
    endpoints: models
      .flatMap(({ endpoints }) => endpoints)
      .filter((endpoint) => endpoint.provider === provider.id).length,
    state: stateOf(provider),
  }
}

function stateOf(provider: Provider): Result<'info'>['providers'][number]['state'] {
  const lanes = provider.lanes()
  if (lanes.some(({ state }) => state === 'ready')) return 'ready'
  return lanes.some(({ state }) => state === 'limited' || state === 'own-limit') ? 'cooling' : 'failing'
}

/** What only a person can mend. */
const KEY_TROUBLE: Readonly<Partial<Record<LaneState['state'], string>>> = {
  'key-refused': 'is refused by it',
  forbidden: 'may not do what was asked of it',
  'no-credit': 'has no credit left there',
}

function keyWarnings(provider: Provider): string[] {
  return provider.lanes().flatMap(({ number, state, readyInMs }) => {
    const trouble = KEY_TROUBLE[state]
    const minutes = Math.ceil(readyInMs / 60_000)
    return trouble === undefined
      ? []
      : [`key ${number} of ${provider.displayName} ${trouble}; it is tried again in ${minutes} min`]
  })
}

function warnings(
  problems: readonly string[],
  models: readonly Model[],
  providers: ReadonlyMap<string, Provider>,
): string[] {
  const unpriced = models
    .flatMap(({ endpoints }) => endpoints)
    .filter(({ provider, price }) => providers.has(provider) && price === undefined)
  return [
    ...problems.map(() => 'the models file has a mistake, the last good copy is in use'),
    ...[...providers.values()].flatMap(keyWarnings),
    ...(unpriced.length === 0
      ? []
      : [
          `${unpriced.length} endpoints have no price; their answers are booked as unpriced: ${unpriced[0]?.id ?? ''} …`,
        ]),
  ]
}

function listModels(params: Params<'models.list'>, { catalog, providers }: Rooms): Result<'models.list'> {
  const words = (params.search ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const fits = (model: Model): boolean =>
    words.every((word) => `${model.id} ${model.displayName}`.toLowerCase().includes(word)) &&
    (params.kind === undefined || model.kind === params.kind) &&
    (params.capability === undefined || model.capabilities.includes(params.capability)) &&
    (params.provider === undefined || model.endpoints.some(({ provider }) => provider === params.provider)) &&
    (params.available === undefined || isAvailable(model, providers()) === params.available)
  return [...catalog().models.values()].filter(fits).map((model) => modelRow(model, providers()))
}

function modelRow(model: Model, providers: ReadonlyMap<string, Provider>): Result<'models.list'>[number] {
  return {
    id: model.id,
    display_name: model.displayName,
    kind: model.kind,
    tier: model.tier,
    capabilities: [...model.capabilities],
    ...limits(model),
    available: isAvailable(model, providers),
    endpoints: model.endpoints.map((endpoint) => endpointRow(endpoint, providers)),
  }
}

function endpointRow(
  endpoint: Endpoint,
  providers: ReadonlyMap<string, Provider>,
): Result<'models.list'>[number]['endpoints'][number] {
  return {
    id: endpoint.id,
    provider: endpoint.provider,
    model_id: endpoint.modelId,
    priority: endpoint.priority,
    available: providers.has(endpoint.provider),
    ...limits(endpoint),
    ...(endpoint.price === undefined ? {} : priceRow(endpoint.price)),
  }
}

function limits({ contextWindow, maxOutputTokens }: Model | Endpoint): {
  context_window?: number
  max_output_tokens?: number
} {
  return {
    ...(contextWindow === undefined ? {} : { context_window: contextWindow }),
    ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
  }
}

function priceRow(price: Price): object {
  return {
    ...ratesRow(price),
    ...usd({ request_usd: price.perRequest }),
    ...usd({ characters_usd_per_million: price.characters, hours_usd_per_million: price.hours }),
    ...(price.tiers === undefined
      ? {}
      : {
          tiers: price.tiers.map((tier) => ({
            above_input_tokens: tier.aboveInputTokens,
            ...ratesRow(tier),
          })),
        }),
    ...(price.source === undefined ? {} : { price_source: price.source }),
    ...(price.date === undefined ? {} : { price_date: price.date }),
  }
}

function ratesRow(rates: Rates): Record<string, string> {
  return usd({
    input_usd_per_million: rates.input,
    output_usd_per_million: rates.output,
    cached_input_usd_per_million: rates.cachedInput,
    cache_write_usd_per_million: rates.cacheWrite,
    reasoning_usd_per_million: rates.reasoning,
    audio_input_usd_per_million: rates.audioInput,
    audio_output_usd_per_million: rates.audioOutput,
    image_usd_per_million: rates.image,
  })
}

/** The amounts that are known, as decimal strings. */
function usd(amounts: Readonly<Record<string, Money | undefined>>): Record<string, string> {
  const known = Object.entries(amounts).flatMap(([name, amount]) =>
    amount === undefined ? [] : [[name, formatDollars(amount)] as const],
  )
  return Object.fromEntries(known)
}
