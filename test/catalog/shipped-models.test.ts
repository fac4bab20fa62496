import { calcPrice } from '@pydantic/genai-prices'
import { expect, test } from 'vitest'

import type { Endpoint, Price, Rates } from '../../src/catalog/catalog.ts'
import { findByName } from '../../src/catalog/find-model.ts'
import { readModelsFile } from '../../src/catalog/models-file/models-file.ts'

const { catalog } = readModelsFile(new URL('../../modelsconfig.yml', import.meta.url).pathname)
const models = [...catalog.models.values()]
const endpoints = models.flatMap((model) => model.endpoints)

test('the shipped file has many chat models, and models of every other kind', () => {
  const count = (kind: string) => models.filter((model) => model.kind === kind).length
  expect(count('chat')).toBeGreaterThanOrEqual(60)
  expect(count('embedding')).toBeGreaterThanOrEqual(3)
  expect(count('speech')).toBeGreaterThanOrEqual(3)
  expect(count('transcription')).toBeGreaterThanOrEqual(3)
  expect(new Set(endpoints.map(({ provider }) => provider))).toEqual(
    new Set([
      'openai',
      'openrouter',
      'groq',
      'sambanova',
      'alibaba',
      'anthropic',
      'gemini',
      'xai',
      'deepseek',
      'mistral',
      'moonshot',
      'voyage',
    ]),
  )
})

test('every shipped price has a source and a date', () => {
  const isDated = (price: Price) =>
    /\S/.test(price.source ?? '') && /^202\d-\d\d-\d\d$/.test(price.date ?? '')
  const undated = endpoints.filter(({ price }) => price !== undefined && !isDated(price))
  expect(undated.map(({ id }) => id)).toEqual([])
})

test('every shipped chat price has both directions, and nearly every chat model has a price', () => {
  const chat = models.filter((model) => model.kind === 'chat')
  const isHalf = ({ price }: Endpoint) =>
    price !== undefined && (price.input === undefined || price.output === undefined)
  expect(chat.flatMap((model) => model.endpoints).filter(isHalf)).toEqual([])
  const unpriced = chat.filter((model) => model.endpoints.every(({ price }) => price === undefined))
  expect(unpriced.map(({ id }) => id)).toEqual(['qwen3.8-max'])
})

test('the shipped file has premium models with tools for autobest', () => {
  const premium = models.filter(
    ({ tier, capabilities }) => tier === 'premium' && capabilities.includes('tool_calling'),
  )
  expect(premium.length).toBeGreaterThan(10)
})

test('Whisper is tried at Groq, then SambaNova, then OpenAI', () => {
  expect(catalog.models.get('whisper-1')?.endpoints.map(({ id }) => id)).toEqual([
    'groq/whisper-large-v3',
    'sambanova/Whisper-Large-v3',
    'openai/whisper-1',
  ])
})

test('a model that its maker offers too is tried there first', () => {
  expect(catalog.models.get('gpt-4o')?.endpoints.map(({ id }) => id)).toEqual([
    'openai/gpt-4o',
    'openrouter/openai/gpt-4o',
  ])
  expect(findByName(catalog, 'openai/gpt-4o')).toMatchObject({ type: 'model', model: { id: 'gpt-4o' } })
})

test.each([
  ['openai/gpt-4o', 'openai', 'gpt-4o'],
  ['openai/gpt-5.5', 'openai', 'gpt-5.5'],
  ['openai/gpt-6-sol', 'openai', 'gpt-6-sol'],
  ['openai/gpt-audio', 'openai', 'gpt-audio'],
  ['openrouter/anthropic/claude-sonnet-4.5', 'openrouter', 'anthropic/claude-sonnet-4.5'],
  ['openrouter/anthropic/claude-opus-5.5', 'openrouter', 'anthropic/claude-opus-5.5'],
  ['openrouter/google/gemini-2.5-pro', 'openrouter', 'google/gemini-2.5-pro'],
  ['openrouter/x-ai/grok-4-fast', 'openrouter', 'x-ai/grok-4-fast'],
  ['openrouter/deepseek/deepseek-v4-pro', 'openrouter', 'deepseek/deepseek-v4-pro'],
  ['openrouter/mistralai/mistral-large-2512', 'openrouter', 'mistralai/mistral-large-2512'],
  ['groq/llama-3.3-70b-versatile', 'groq', 'llama-3.3-70b-versatile'],
  ['groq/openai/gpt-oss-120b', 'groq', 'openai/gpt-oss-120b'],
])('%s costs what an independent calculator says, below and above its tiers', (id, providerId, model) => {
  const endpoint = catalog.endpoints.get(id)
  for (const usage of [
    { prompt: 1000, cached: 0, completion: 500 },
    { prompt: 100_000, cached: 60_000, completion: 2000 },
    { prompt: 300_000, cached: 1000, completion: 10_000 },
  ]) {
    const timestamp = new Date(`${endpoint?.price?.date}T12:00:00Z`)
    const counts = {
      input_tokens: usage.prompt,
      cache_read_tokens: usage.cached,
      output_tokens: usage.completion,
    }
    const theirs = calcPrice(counts, model, { providerId, timestamp })?.total_price
    expect(costInDollars(endpoint, usage)).toBeCloseTo(theirs ?? Number.NaN, 10)
  }
})

/** The plain arithmetic of the price row, for the oracle to compare with. */
function costInDollars(
  endpoint: Endpoint | undefined,
  usage: { prompt: number; cached: number; completion: number },
) {
  const price = endpoint?.price
  const rates: Rates = price?.tiers?.findLast((tier) => usage.prompt > tier.aboveInputTokens) ?? price ?? {}
  const cached = rates.cachedInput ?? rates.input
  const nano =
    BigInt(usage.prompt - usage.cached) * (rates.input ?? 0n) +
    BigInt(usage.cached) * (cached ?? 0n) +
    BigInt(usage.completion) * (rates.output ?? 0n)
  return Number(nano) / 1e15
}
