import type { Clock } from '../../../base/clock.ts'
import { BrokerError } from '../../../base/errors.ts'
import { dollars, type Money } from '../../../base/money.ts'
import { shortName } from '../../../base/text.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import type { Endpoint, Model } from '../../../catalog/catalog.ts'
import { inputsOf, outputsOf, slugOf, supportedParametersOf } from './model-json.ts'

/** A model that can be asked for, and its row. */
export interface Listed {
  readonly model: Model
  readonly endpoint: Endpoint
  readonly row: Record<string, unknown>
}

type Query = Readonly<Record<string, unknown>>
type Fits = (listed: Listed, wanted: string, rooms: Rooms) => boolean

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
  'all',
]

/** One row per query parameter that we can judge; OpenRouter's others (benchmarks, categories) are of facts that we don't have. */
const FILTERS: Readonly<Record<string, Fits>> = {
  q: ({ model }, wanted) =>
    words(wanted).every((word) =>
      `${model.id} ${slugOf(model)} ${model.displayName}`.toLowerCase().includes(word),
    ),
  supported_parameters: ({ model }, wanted) =>
    list(wanted).every((name) => supportedParametersOf(model).includes(name)),
  input_modalities: ({ model }, wanted) => list(wanted).every((name) => inputsOf(model).includes(name)),
  output_modalities: ({ model }, wanted) =>
    list(wanted).some((name) => name === 'all' || outputsOf(model).includes(name)),
  min_age_days: ({ model }, wanted, { clock }) => ageInDays(model, clock) >= Number(wanted),
  max_age_days: ({ model }, wanted, { clock }) => ageInDays(model, clock) <= Number(wanted),
  context: ({ model }, wanted) => (model.contextWindow ?? 0) >= Number(wanted),
  min_price: ({ endpoint }, wanted) => atLeast(endpoint.price?.input, wanted),
  max_price: ({ endpoint }, wanted) => atMost(endpoint.price?.input, wanted),
  min_output_price: ({ endpoint }, wanted) => atLeast(endpoint.price?.output, wanted),
  max_output_price: ({ endpoint }, wanted) => atMost(endpoint.price?.output, wanted),
  model_authors: ({ model }, wanted) => list(wanted).includes(slugOf(model).split('/')[0] ?? ''),
  providers: ({ model }, wanted) => model.endpoints.some(({ provider }) => list(wanted).includes(provider)),
  zdr: ({ model }, wanted, { providers }) =>
    wanted !== 'true' ||
    model.endpoints.some(({ provider }) => providers().get(provider)?.privacy?.retains === false),
}

/** Query parameters that choose among models. */
export const MODEL_FILTERS: readonly string[] = Object.keys(FILTERS)

/** The models that fit the query. Like OpenRouter, those that answer in text unless something else is asked for. */
export function filtered(models: readonly Listed[], query: Query, rooms: Rooms): readonly Listed[] {
  const wanted = { output_modalities: 'text', ...query }
  checkOutputs(wanted.output_modalities)
  return Object.entries(FILTERS).reduce((left: readonly Listed[], [name, fits]) => {
    const value = (wanted as Query)[name]
    if (typeof value !== 'string' || value === '') return left
    return left.filter((listed) => fits(listed, value, rooms))
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

/** Not a number, and so within no bound, when nobody says when it was listed. */
function ageInDays({ listing }: Model, clock: Clock): number {
  return (clock.now() / 1000 - (listing?.created || Number.NaN)) / DAY_S
}

function atLeast(rate: Money | undefined, usd: string): boolean {
  return rate !== undefined && rate >= amount(usd)
}

function atMost(rate: Money | undefined, usd: string): boolean {
  return rate !== undefined && rate <= amount(usd)
}

function amount(usd: string): Money {
  try {
    return dollars(usd)
  } catch (cause) {
    throw new BrokerError('bad-request', `“${shortName(usd)}” is no price in dollars per million tokens`, {
      cause,
    })
  }
}
