import type { Clock } from '../../../base/clock.ts'
import { BrokerError } from '../../../base/errors.ts'
import { parseUsd, type Money } from '../../../base/money.ts'
import { truncate } from '../../../base/text.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import type { Endpoint, Model } from '../../../catalog/catalog.ts'
import { comparePricesDescending, compareKnown, comparePrices } from '../../../routing/compare.ts'
import { inputsOf, outputsOf, slugOf } from './model-json.ts'

/** A model that can be requested, the endpoint tried first, and its row in the list. */
export interface Listed {
  readonly model: Model
  readonly endpoint: Endpoint
  readonly row: Record<string, unknown>
}

type Query = Readonly<Record<string, unknown>>
type Fits = (listed: Listed, wanted: string, services: AdminServices) => boolean

const OUTPUTS = [
  'text',
  'image',
  'audio',
  'embeddings',
  'video',
  'rerank',
  'speech',
  'transcription',
  'decisions',
  'moderation',
  'all',
]

/** One row per supported query parameter; OpenRouter's others (benchmarks, categories) need data that we don't have. */
const FILTERS: Readonly<Record<string, Fits>> = {
  q: ({ model }, wanted) =>
    words(wanted).every((word) =>
      `${model.id} ${slugOf(model)} ${model.displayName}`.toLowerCase().includes(word),
    ),
  supported_parameters: ({ row }, wanted) =>
    list(wanted).every((name) => (row['supported_parameters'] as readonly string[]).includes(name)),
  input_modalities: ({ model }, wanted) => list(wanted).every((name) => inputsOf(model).includes(name)),
  output_modalities: ({ model }, wanted) =>
    list(wanted).some((name) => name === 'all' || outputsOf(model).includes(name)),
  min_age_days: ({ model }, wanted, { clock }) => ageInDays(model, clock) >= Number(wanted),
  max_age_days: ({ model }, wanted, { clock }) => ageInDays(model, clock) <= Number(wanted),
  context: ({ model }, wanted) => (model.contextWindow ?? 0) >= Number(wanted),
  min_price: ({ endpoint }, wanted) => isAtLeast(endpoint.price?.input, wanted),
  max_price: ({ endpoint }, wanted) => isAtMost(endpoint.price?.input, wanted),
  min_output_price: ({ endpoint }, wanted) => isAtLeast(endpoint.price?.output, wanted),
  max_output_price: ({ endpoint }, wanted) => isAtMost(endpoint.price?.output, wanted),
  model_authors: ({ model }, wanted) => list(wanted).includes(slugOf(model).split('/')[0] ?? ''),
  providers: ({ model }, wanted) => model.endpoints.some(({ provider }) => list(wanted).includes(provider)),
  zdr: ({ model }, wanted, { providers }) =>
    wanted !== 'true' ||
    model.endpoints.some(({ provider }) => providers().get(provider)?.privacy?.retains === false),
}

/** Names of the query parameters that filter models. */
export const MODEL_FILTERS: readonly string[] = Object.keys(FILTERS)

/** The models that match the query. Like at OpenRouter, only those with text output by default. Throws `bad-request`. */
export function filterModels(
  models: readonly Listed[],
  query: Query,
  services: AdminServices,
): readonly Listed[] {
  const wanted = { output_modalities: 'text', ...query }
  checkOutputs(wanted.output_modalities)
  return Object.entries(FILTERS).reduce((left: readonly Listed[], [name, fits]) => {
    const value = (wanted as Query)[name]
    if (typeof value !== 'string' || value === '') return left
    return left.filter((listed) => fits(listed, value, services))
  }, models)
}

function checkOutputs(value: unknown): void {
  const unknown = list(String(value)).find((name) => !OUTPUTS.includes(name))
  if (unknown === undefined) return
  throw new BrokerError(
    'bad-request',
    `“output_modalities” can't be ${unknown}; it is one of ${OUTPUTS.join(', ')}`,
  )
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
}

function words(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean)
}

const DAY_S = 86_400

/** NaN, and so within no bound, when the date of listing is unknown. */
function ageInDays({ listing }: Model, clock: Clock): number {
  return (clock.now() / 1000 - (listing?.created || Number.NaN)) / DAY_S
}

function isAtLeast(rate: Money | undefined, usd: string): boolean {
  return rate !== undefined && rate >= amount(usd)
}

function isAtMost(rate: Money | undefined, usd: string): boolean {
  return rate !== undefined && rate <= amount(usd)
}

function amount(usd: string): Money {
  try {
    return parseUsd(usd)
  } catch (cause) {
    throw new BrokerError('bad-request', `“${truncate(usd)}” is no price in dollars per million tokens`, {
      cause,
    })
  }
}

type Compare = (a: Listed, b: Listed, services: AdminServices) => number

/** OpenRouter's sorts that we support; models with an unknown value come last. */
const SORTS: Readonly<Record<string, Compare>> = {
  newest: (a, b) => createdOf(b) - createdOf(a),
  'pricing-low-to-high': (a, b) => comparePrices(a.endpoint, b.endpoint),
  'pricing-high-to-low': (a, b) => comparePricesDescending(a.endpoint, b.endpoint),
  'context-high-to-low': (a, b) => (b.model.contextWindow ?? 0) - (a.model.contextWindow ?? 0),
  'throughput-high-to-low': (a, b, { endpointStats }) =>
    compareKnown(
      negative(endpointStats.of(a.endpoint.id)?.throughput?.p50),
      negative(endpointStats.of(b.endpoint.id)?.throughput?.p50),
    ),
  'latency-low-to-high': (a, b, { endpointStats }) =>
    compareKnown(
      endpointStats.of(a.endpoint.id)?.latency?.p50,
      endpointStats.of(b.endpoint.id)?.latency?.p50,
    ),
}

/** Sorts by data that we don't have: the list keeps its default order. */
const UNSUPPORTED_SORTS = [
  'most-popular',
  'top-weekly',
  'intelligence-high-to-low',
  'coding-high-to-low',
  'agentic-high-to-low',
  'design-arena-elo-high-to-low',
]

/** The models in the order of the `sort` parameter. Throws `bad-request` for an unknown sort. */
export function sortModels(
  models: readonly Listed[],
  sort: unknown,
  services: AdminServices,
): readonly Listed[] {
  if (typeof sort !== 'string' || sort === '' || UNSUPPORTED_SORTS.includes(sort)) return models
  const compare = Object.hasOwn(SORTS, sort) ? SORTS[sort] : undefined
  if (compare !== undefined) return [...models].sort((a, b) => compare(a, b, services))
  const known = [...Object.keys(SORTS), ...UNSUPPORTED_SORTS].join(', ')
  throw new BrokerError('bad-request', `“sort” can't be ${sort}; it is one of ${known}`)
}

function createdOf({ model }: Listed): number {
  return model.listing?.created ?? 0
}

function negative(value: number | undefined): number | undefined {
  return value === undefined ? undefined : -value
}
