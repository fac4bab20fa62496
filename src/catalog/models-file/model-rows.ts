import type { z } from 'zod'
import { MODEL_KINDS } from '../../base/model-kinds.ts'
import {
  checked,
  flag,
  listOf,
  mapOf,
  oneOf,
  record,
  text,
  textThat,
  usd,
  wholeNumber,
  type Readable,
} from './yaml-schemas.ts'

const MILLION = 'million tokens'

const rates = {
  input_cost: usd(MILLION).optional(),
  output_cost: usd(MILLION).optional(),
  cached_input_cost: usd(MILLION).optional(),
  cache_write_cost: usd(MILLION).optional(),
  cache_write_1h_cost: usd(MILLION).optional(),
  reasoning_cost: usd(MILLION).optional(),
  audio_input_cost: usd(MILLION).optional(),
  audio_output_cost: usd(MILLION).optional(),
  image_cost: usd(MILLION).optional(),
}

const tier = record({ above_input_tokens: wholeNumber(1), ...rates })

const imagePrice = record({ size: text.optional(), quality: text.optional(), each_cost: usd('image') })

const backendRecord = record({
  provider: textThat(providerNameError),
  model_id: text,
  priority: wholeNumber(0).optional(),
  ...rates,
  request_cost: usd('request').optional(),
  each_image_cost: usd('picture').optional(),
  character_cost: usd('million characters').optional(),
  search_unit_cost: usd('search unit').optional(),
  made_image_costs: listOf(imagePrice).optional(),
  minute_cost: usd('minute').optional(),
  hour_cost: usd('hour').optional(),
  minimum_seconds: wholeNumber(1).optional(),
  second_rounding: oneOf(['up', 'nearest']).optional(),
  tiers: listOf(tier).optional(),
  price_source: text.optional(),
  price_date: textThat(dateError).optional(),
  price_note: text.optional(),
  context_window: wholeNumber(1).optional(),
  max_output_tokens: wholeNumber(1).optional(),
})
const backend = checked(backendRecord, checkBackend)

const modelRecord = record({
  display_name: text.optional(),
  kind: oneOf(MODEL_KINDS).optional(),
  tier: text.optional(),
  capabilities: listOf(text).optional(),
  context_window: wholeNumber(1).optional(),
  max_output_tokens: wholeNumber(1).optional(),
  hedge: flag.optional(),
  backends: listOf(backend),
})

/** The `models:` section. */
export const modelsSection = mapOf(checked(modelRecord, checkModel), modelNameError)

export type RatesRow = Pick<BackendRow, keyof typeof rates>
export type BackendRow = z.output<typeof backendRecord>
export type ModelRow = z.output<typeof modelRecord>

/** Names that mean automatic selection. */
const RESERVED = ['auto', 'autocheapest', 'autobest']

function modelNameError(name: string): string | undefined {
  if (name === '' || /\s/.test(name)) return 'is not a model name: a name has no spaces'
  if (RESERVED.includes(name)) return 'means automatic selection and can’t be a model; choose another name'
  return undefined
}

export function providerNameError(name: string): string | undefined {
  const isName = /^[a-z0-9][a-z0-9_.-]*$/i.test(name)
  return isName ? undefined : `“${name}” can’t be a provider’s name; letters, digits, “-”, “_” and “.” can`
}

function dateError(date: string): string | undefined {
  const day = new Date(`${date}T00:00:00Z`)
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date) && date.length === 10
  return isDay ? undefined : `“${date}” is not a day; write year-month-day, such as 2026-09-23`
}

type Complain = (message: string, ...path: PropertyKey[]) => void

function checkBackend(row: Readable<BackendRow>, complain: Complain): void {
  if (row.minute_cost !== undefined && row.hour_cost !== undefined)
    complain('minute_cost says this already; keep one of the two', 'hour_cost')
  if (row.tiers === undefined) return
  if (row.input_cost === undefined) complain('tiers need the input_cost that holds below them', 'tiers')
  const starts = row.tiers.map((tier) => tier?.above_input_tokens)
  const unordered = starts.findIndex((start = Infinity, index) => start <= (starts[index - 1] ?? 0))
  if (unordered > 0)
    complain('should be more than in the tier before it', 'tiers', unordered, 'above_input_tokens')
}

function checkModel({ backends }: Readable<ModelRow>, complain: Complain): void {
  if (backends?.length === 0) complain('is empty: without a backend nobody can answer', 'backends')
  const seen = new Set<string>()
  for (const [index, backend] of backends?.entries() ?? []) {
    if (backend?.provider === undefined || backend.model_id === undefined) continue
    const id = `${backend.provider}/${backend.model_id}`
    if (seen.has(id)) complain(`offers ${id} a second time; keep one`, 'backends', index)
    seen.add(id)
  }
}
