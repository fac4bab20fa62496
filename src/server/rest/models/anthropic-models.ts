import { BrokerError } from '../../../base/errors.ts'
import type { Listed } from './model-filters.ts'
import { inputsOf } from './model-json.ts'

type Query = Readonly<Record<string, unknown>>

const DEFAULT_LIMIT = 20
const MAX_LIMIT = 1000

/** A page of models in Anthropic's form: https://docs.anthropic.com/en/api/models-list. Throws `bad-request`. */
export function anthropicModels(models: readonly Listed[], query: Query): object {
  const limit = limitOf(query['limit'])
  const after = placeOf(models, query['after_id'])
  const before = placeOf(models, query['before_id'])
  const from =
    after === undefined ? Math.max(0, (before ?? 0) - (before === undefined ? 0 : limit)) : after + 1
  const to = Math.min(before ?? models.length, from + limit)
  const data = models.slice(from, to).map(anthropicModel)
  return {
    data,
    has_more: before === undefined ? to < models.length : from > 0,
    first_id: models[from]?.model.id ?? null,
    last_id: models[to - 1]?.model.id ?? null,
  }
}

function limitOf(value: unknown): number {
  if (value === undefined) return DEFAULT_LIMIT
  const limit = Number(value)
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit
  throw new BrokerError('bad-request', `limit: must be a whole number from 1 to ${MAX_LIMIT}`)
}

function placeOf(models: readonly Listed[], id: unknown): number | undefined {
  if (typeof id !== 'string' || id === '') return undefined
  const place = models.findIndex(({ model }) => model.id === id)
  if (place >= 0) return place
  throw new BrokerError('bad-request', `no model on offer has the id “${id}”`)
}

/** One model in Anthropic's form, with the fields that its schema requires. */
export function anthropicModel({ model, endpoint }: Listed): object {
  const { id, displayName, listing, capabilities } = model
  const inputs = inputsOf(model)
  const reasons = { supported: capabilities.includes('reasoning') }
  return {
    id,
    type: 'model',
    display_name: displayName,
    created_at: new Date((listing?.created ?? 0) * 1000).toISOString(),
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: null,
    line: null,
    max_input_tokens: endpoint.contextWindow ?? model.contextWindow ?? null,
    max_tokens: endpoint.maxOutputTokens ?? model.maxOutputTokens ?? null,
    capabilities: {
      batch: NOT,
      citations: NOT,
      code_execution: NOT,
      image_input: { supported: inputs.includes('image') },
      pdf_input: { supported: inputs.includes('file') },
      structured_outputs: { supported: capabilities.includes('structured_output') },
      effort: reasons,
      thinking: { ...reasons, types: { adaptive: reasons, enabled: reasons, disabled: { supported: true } } },
    },
  }
}

const NOT = { supported: false }
