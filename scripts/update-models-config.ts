/** Writes `modelsconfig.yml`: the curated list of `models-list.ts` with the prices that `@pydantic/genai-prices` carries. */
import { readFileSync, writeFileSync } from 'node:fs'

import { calcPrice } from '@pydantic/genai-prices'
import type { ModelInfo, ModelPrice } from '@pydantic/genai-prices'
import { Document, visit } from 'yaml'

import { dollars, formatDollars } from '../src/base/money.ts'
import { parseModelsFile } from '../src/catalog/models-file/models-file.ts'
import { MODELS } from './models-list.ts'
import type { ListedBackend, ListedModel } from './models-list.ts'

/** The release of the price source that was looked at, and the day it came out. */
const SOURCE = { name: '@pydantic/genai-prices', version: '0.1.8', date: '2026-09-23' }

/** Sparse, so that an operator can put a provider in between. */
const PRIORITIES = [1, 5, 10, 15, 20]

/** Their key for a rate → ours. */
const RATE_KEYS = {
  input_mtok: 'input_cost',
  output_mtok: 'output_cost',
  cache_read_mtok: 'cached_input_cost',
  cache_write_mtok: 'cache_write_cost',
  output_reasoning_mtok: 'reasoning_cost',
  input_audio_mtok: 'audio_input_cost',
  output_audio_mtok: 'audio_output_cost',
  input_image_mtok: 'image_cost',
  input_audio_hours: 'hour_cost',
} as const
const RATES = Object.keys(RATE_KEYS) as (keyof typeof RATE_KEYS)[]
type Rate = ModelPrice[string]

const HEADER = ` Models, who offers them, and what they cost.

 Copy this file, change the copy and name it in MODELS_CONFIG_PATH, or put it into the folder that the broker starts in.
 A change is taken up at once, without a restart; a copy with a mistake is refused as a whole and the last good one stays.

 models:
   <name>:                  what callers ask for
     display_name, tier     premium (what autobest picks from), standard, economy …
     kind                   chat (the default), embedding, speech, transcription
     capabilities           tool_calling, vision, reasoning, audio_input …
     context_window         tokens of prompt and answer together
     max_output_tokens      most tokens of one answer
     backends:              who offers it; the lowest priority is asked first, the others when it fails
       - provider, model_id, priority
         input_cost, output_cost                 US dollars per million tokens
         cached_input_cost, cache_write_cost, reasoning_cost, audio_input_cost, audio_output_cost, image_cost
         request_cost, each_image_cost           US dollars per request, per picture in the prompt
         character_cost                          US dollars per million characters
         hour_cost or minute_cost                US dollars per hour or minute of sound; minimum_seconds is billed at least
         tiers: [{above_input_tokens, …}]        rates that replace those above for a longer prompt
         price_source, price_date, price_note    where the figures come from
         context_window, max_output_tokens       where this backend differs

 A price that is not here is unknown: the answer is booked as unpriced, never as free. Free is 0.

 providers:                 adds a provider, or changes a built-in one
   <name>:
     display_name, base_url, key_env, headers, quirks, abort_stops_billing
     models                 listed (the default), or any: pass on every <name>/<model> that is asked for
     command                starts a local server when it is first needed, [llama-server, -m, model.gguf, --host, "{socket}"]
     ready_path, idle_timeout_s, port

 Written by scripts/update-models-config.ts.`

type Row = Record<string, unknown>

checkRelease()
const document = new Document({
  models: Object.fromEntries(MODELS.flatMap(([, models]) => models.map(toEntry))),
})
document.commentBefore = HEADER
addChapters(document)
keepListsShort(document)
const text = document.toString({ lineWidth: 0, flowCollectionPadding: false })
parseModelsFile(text)
writeFileSync(new URL('../modelsconfig.yml', import.meta.url), text)

function checkRelease(): void {
  const path = new URL('../node_modules/@pydantic/genai-prices/package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string }
  if (version !== SOURCE.version)
    throw new Error(`${SOURCE.name} is ${version}: set its version and date in SOURCE`)
}

function toEntry(model: ListedModel): [string, Row] {
  const backends = model.at.map((backend) => (typeof backend === 'string' ? { at: backend } : backend))
  const window = model.window ?? Math.max(0, ...backends.map((backend) => found(backend)?.exactWindow ?? 0))
  return [
    model.name,
    {
      display_name: model.title,
      tier: model.tier ?? 'standard',
      ...(model.kind === undefined ? {} : { kind: model.kind }),
      capabilities: (model.can ?? '').split(' ').filter((word) => word !== ''),
      ...(window === 0 ? {} : { context_window: window }),
      ...(model.most === undefined ? {} : { max_output_tokens: model.most }),
      backends: backends.map((backend, index) => toBackend(backend, PRIORITIES[index])),
    },
  ]
}

function toBackend(backend: ListedBackend, priority: number | undefined): Row {
  const [provider, modelId] = parts(backend.at)
  return { provider, model_id: modelId, priority, ...(backend.price ?? priceRow(backend)) }
}

function priceRow(backend: ListedBackend): Row {
  const price = found(backend)
  if (price === undefined) return {}
  const [provider, modelId] = parts(backend.at)
  const rounded = RATES.filter((rate) => isRounded(baseOf(price.rates[rate])))
  const notes = [
    backend.priceOf === undefined
      ? undefined
      : `${parts(backend.priceOf)[0]}’s figure, for want of ${provider}’s own`,
    ...rounded.map((rate) => `${RATE_KEYS[rate]} is rounded from ${baseOf(price.rates[rate])}`),
    disagreement(provider, modelId, price.rates),
  ].filter((note) => note !== undefined)
  return {
    ...ratesAt(price.rates),
    ...(provider === 'groq' && price.rates['input_audio_hours'] !== undefined ? { minimum_seconds: 10 } : {}),
    ...tiersOf(price.rates),
    price_source: `${SOURCE.name} ${SOURCE.version}, ${price.row}`,
    price_date: SOURCE.date,
    ...(notes.length === 0 ? {} : { price_note: notes.join('; ') }),
  }
}

/** The price source's row for a backend on the day of its release. */
function found(backend: ListedBackend): { rates: ModelPrice; row: string; exactWindow: number } | undefined {
  const [provider, modelId] = parts(backend.priceOf ?? backend.at)
  const answer = priceOf(provider, modelId)
  if (answer === null || RATES.every((rate) => answer.rates[rate] === undefined)) return undefined
  const { rates, model } = answer
  return {
    rates,
    row: `${provider} ${model.id}`,
    exactWindow: model.id === modelId ? (model.context_window ?? 0) : 0,
  }
}

function priceOf(providerId: string, modelId: string): { rates: ModelPrice; model: ModelInfo } | null {
  const timestamp = new Date(`${SOURCE.date}T12:00:00Z`)
  const answer = calcPrice({ input_tokens: 0, audio_seconds: 0 }, modelId, { providerId, timestamp })
  return answer === null ? null : { rates: answer.model_price, model: answer.model }
}

/** Where another row of the source ought to say the same and doesn't. */
function disagreement(provider: string, modelId: string, rates: ModelPrice): string | undefined {
  const [other, otherId] = secondOpinion(provider, modelId)
  const answer = other === undefined ? null : priceOf(other, otherId)
  if (answer === null || inAndOut(answer.rates) === inAndOut(rates)) return undefined
  return `${other} ${answer.model.id} in the same source says ${inAndOut(answer.rates)}`
}

/** OpenRouter passes OpenAI's and xAI's list prices on; Hugging Face passes Groq's on. */
function secondOpinion(provider: string, modelId: string): [string | undefined, string] {
  const [author, slug] = modelId.split('/')
  if (provider === 'openrouter' && (author === 'openai' || author === 'x-ai') && !modelId.includes('oss'))
    return [author, slug ?? '']
  if (provider === 'groq') return ['huggingface_groq', modelId]
  return [undefined, modelId]
}

function inAndOut(rates: ModelPrice): string {
  return `${baseOf(rates['input_mtok'])} in, ${baseOf(rates['output_mtok'])} out`
}

function ratesAt(rates: ModelPrice): Row {
  const known = RATES.filter((rate) => rates[rate] !== undefined)
  return Object.fromEntries(known.map((rate) => [RATE_KEYS[rate], exact(baseOf(rates[rate]) ?? 0)]))
}

function tiersOf(rates: ModelPrice): Row {
  const starts = new Set(RATES.flatMap((rate) => stepsOf(rates[rate]).map((step) => step.start)))
  if (starts.size === 0) return {}
  const tiers = [...starts].sort((a, b) => a - b).map((start) => tierAt(rates, start))
  return { tiers }
}

function tierAt(rates: ModelPrice, start: number): Row {
  const stepped = RATES.flatMap((rate) => {
    const step = stepsOf(rates[rate]).findLast((each) => each.start <= start)
    return step === undefined ? [] : [[RATE_KEYS[rate], exact(step.price)] as const]
  })
  return { above_input_tokens: start, ...Object.fromEntries(stepped) }
}

function baseOf(rate: Rate): number | undefined {
  return typeof rate === 'object' ? rate.base : rate
}

function stepsOf(rate: Rate): readonly { start: number; price: number }[] {
  return typeof rate === 'object' ? rate.tiers : []
}

/** A nano-dollar per million tokens is the finest that the file can say. */
function exact(price: number): number {
  return Number(formatDollars(dollars(isRounded(price) ? price.toFixed(9) : price)))
}

function isRounded(price: number | undefined): boolean {
  return price !== undefined && (String(price).split('.')[1] ?? '').length > 9
}

function parts(at: string): [provider: string, modelId: string] {
  const space = at.indexOf(' ')
  return [at.slice(0, space), at.slice(space + 1)]
}

/** A comment before the first model of each chapter. */
function addChapters(target: Document): void {
  for (const [title, models] of MODELS) {
    const first = models[0]?.name
    visit(target, {
      Pair(_key, pair, path) {
        const key = pair.key as { value?: unknown; commentBefore?: string; spaceBefore?: boolean }
        if (path.length > 4 || key.value !== first) return
        key.commentBefore = ` ${title}`
        key.spaceBefore = true
      },
    })
  }
}

/** Lists of words and the tiers fit on a line each; a backend without a figure says so. */
function keepListsShort(target: Document): void {
  visit(target, {
    Pair(_key, pair) {
      const key = (pair.key as { value?: unknown }).value
      const value = pair.value as { flow?: boolean; items?: { flow?: boolean; comment?: string }[] }
      if (key === 'capabilities') value.flow = true
      if (key === 'tiers') for (const tier of value.items ?? []) tier.flow = true
      if (key === 'backends') for (const backend of value.items ?? []) noteUnpriced(backend)
    },
  })
}

function noteUnpriced(backend: { comment?: string; items?: unknown }): void {
  const pairs = backend.items as { key: { value: string } }[]
  if (!pairs.some(({ key }) => key.value === 'price_source')) backend.comment = ' no source knows a price'
}
