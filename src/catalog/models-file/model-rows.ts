import { checked, listOf, mapOf, optional, record, required } from './yaml-form.ts'
import { complain } from './yaml-page.ts'
import type { Form, Spot } from './yaml-page.ts'
import { flag, oneOf, text, textThat, usd, wholeNumber } from './yaml-values.ts'

const MILLION = 'million tokens'

const rates = {
  input_cost: optional(usd(MILLION)),
  output_cost: optional(usd(MILLION)),
  cached_input_cost: optional(usd(MILLION)),
  cache_write_cost: optional(usd(MILLION)),
  reasoning_cost: optional(usd(MILLION)),
  audio_input_cost: optional(usd(MILLION)),
  audio_output_cost: optional(usd(MILLION)),
  image_cost: optional(usd(MILLION)),
}

const tier = record({ above_input_tokens: required(wholeNumber(1)), ...rates })

const backendRecord = record({
  provider: required(textThat(providerNameFault)),
  model_id: required(text),
  priority: optional(wholeNumber(0)),
  ...rates,
  request_cost: optional(usd('request')),
  each_image_cost: optional(usd('picture')),
  character_cost: optional(usd('million characters')),
  minute_cost: optional(usd('minute')),
  hour_cost: optional(usd('hour')),
  minimum_seconds: optional(wholeNumber(1)),
  tiers: optional(listOf(tier)),
  price_source: optional(text),
  price_date: optional(textThat(dateFault)),
  price_note: optional(text),
  context_window: optional(wholeNumber(1)),
  max_output_tokens: optional(wholeNumber(1)),
})
const backend = checked(backendRecord, checkBackend)

const modelRecord = record({
  display_name: optional(text),
  kind: optional(oneOf(['chat', 'embedding', 'speech', 'transcription'])),
  tier: optional(text),
  capabilities: optional(listOf(text)),
  context_window: optional(wholeNumber(1)),
  max_output_tokens: optional(wholeNumber(1)),
  hedge: optional(flag),
  backends: required(listOf(backend)),
})

/** The `models:` section. */
export const modelsForm = mapOf(checked(modelRecord, checkModel), modelNameFault)

export type RatesRow = Pick<BackendRow, keyof typeof rates>
export type BackendRow = Read<typeof backendRecord>
export type ModelRow = Read<typeof modelRecord>
type Read<F> = F extends Form<infer T> ? T : never

/** Names that mean “choose for me”. */
const RESERVED = ['auto', 'autocheapest', 'autobest']

function modelNameFault(name: string): string | undefined {
  if (name === '' || /\s/.test(name)) return 'is not a model name: a name has no spaces'
  if (RESERVED.includes(name)) return 'means automatic selection and can’t be a model; choose another name'
  return undefined
}

export function providerNameFault(name: string): string | undefined {
  const isName = /^[a-z0-9][a-z0-9_.-]*$/i.test(name)
  return isName ? undefined : `“${name}” can’t be a provider’s name; letters, digits, “-”, “_” and “.” can`
}

function dateFault(date: string): string | undefined {
  const day = new Date(`${date}T00:00:00Z`)
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date) && date.length === 10
  return isDay ? undefined : `“${date}” is not a day; write year-month-day, such as 2026-09-23`
}

function checkBackend(row: BackendRow, spot: Spot): void {
  if (row.minute_cost !== undefined && row.hour_cost !== undefined)
    complain(spot, 'minute_cost says this already; keep one of the two', 'hour_cost')
  if (row.tiers === undefined) return
  if (row.input_cost === undefined) complain(spot, 'tiers need the input_cost that holds below them', 'tiers')
  const starts = row.tiers.map((tier) => tier.above_input_tokens)
  const unordered = starts.findIndex((start, index) => index > 0 && start <= (starts[index - 1] ?? 0))
  if (unordered > 0)
    complain(spot, 'should be more than in the tier before it', 'tiers', unordered, 'above_input_tokens')
}

function checkModel(row: ModelRow, spot: Spot): void {
  if (row.backends.length === 0) complain(spot, 'is empty: without a backend nobody can answer', 'backends')
  const seen = new Set<string>()
  for (const [index, { provider, model_id }] of row.backends.entries()) {
    const id = `${provider}/${model_id}`
    if (seen.has(id)) complain(spot, `offers ${id} a second time; keep one`, 'backends', index)
    seen.add(id)
  }
}
