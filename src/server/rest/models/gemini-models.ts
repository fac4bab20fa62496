import { BrokerError } from '../../../base/errors.ts'
import type { Listed } from './model-filters.ts'
import { outputsOf } from './model-json.ts'

type Query = Readonly<Record<string, unknown>>

const DEFAULT_SIZE = 50
const MAX_SIZE = 1000

/** A page of models in Google's form: https://ai.google.dev/api/models. Throws `bad-request`. */
export function geminiModels(models: readonly Listed[], query: Query): object {
  const size = sizeOf(query['pageSize'] ?? query['page_size'])
  const from = placeOf(models, query['pageToken'] ?? query['page_token'])
  const page = models.slice(from, from + size)
  const next = models[from + size]
  return {
    models: page.map(geminiModel),
    ...(next === undefined ? {} : { nextPageToken: next.model.id }),
  }
}

function sizeOf(value: unknown): number {
  if (value === undefined || value === '') return DEFAULT_SIZE
  const size = Number(value)
  if (Number.isInteger(size) && size >= 0) return size === 0 ? DEFAULT_SIZE : Math.min(size, MAX_SIZE)
  throw new BrokerError('bad-request', 'pageSize: must be a whole number')
}

function placeOf(models: readonly Listed[], token: unknown): number {
  if (typeof token !== 'string' || token === '') return 0
  const place = models.findIndex(({ model }) => model.id === token)
  if (place >= 0) return place
  throw new BrokerError(
    'bad-request',
    'pageToken: is unknown, because the list has changed; begin again without it',
  )
}

/** One model in Google's form. */
export function geminiModel({ model, endpoint }: Listed): object {
  const { id, displayName, capabilities } = model
  const input = endpoint.contextWindow ?? model.contextWindow
  const output = endpoint.maxOutputTokens ?? model.maxOutputTokens
  return {
    name: `models/${id}`,
    baseModelId: id,
    version: '1',
    displayName,
    ...(input === undefined ? {} : { inputTokenLimit: input }),
    ...(output === undefined ? {} : { outputTokenLimit: output }),
    supportedGenerationMethods: outputsOf(model).includes('text') ? CHATS : EMBEDS,
    thinking: capabilities.includes('reasoning'),
  }
}

const CHATS = ['generateContent', 'streamGenerateContent', 'countTokens']
const EMBEDS = ['embedContent', 'batchEmbedContents']
