import { describe, expect, test } from 'vitest'
import { parseUsd } from '../../../src/base/money.ts'
import { parseModelsFile } from '../../../src/catalog/models-file/models-file.ts'
import { priceOf, readListing } from '../../../src/catalog/sources/openrouter-listing.ts'
import { withListing } from '../../../src/catalog/sources/with-listing.ts'

function row(id: string, prompt = '0.00000015', extra: object = {}) {
  return {
    id,
    name: `Name of ${id}`,
    created: 7,
    context_length: 128_000,
    pricing: { prompt, completion: '0.0000006' },
    ...extra,
  }
}

const read = (rows: readonly unknown[], before = 0) =>
  readListing({ data: rows }, { day: '2026-11-21', before })

describe('OpenRouter’s list', () => {
  test('gives prices per million tokens, to the digit', () => {
    const pricing = {
      prompt: '0.00000015',
      completion: '0.0000006',
      input_cache_read: '0.000000075',
      input_cache_write: '0',
      overrides: [{ min_prompt_tokens: 200_000, prompt: '0.0000003', completion: '0.0000012' }],
    }
    expect(priceOf(pricing, 'today')).toMatchObject({
      input: parseUsd('0.15'),
      output: parseUsd('0.6'),
      cachedInput: parseUsd('0.075'),
      tiers: [{ aboveInputTokens: 199_999, input: parseUsd('0.3'), cachedInput: parseUsd('0.075') }],
    })
    expect(priceOf(pricing, 'today')?.cacheWrite).toBeUndefined()
  })

  test('has no price for a router', () => {
    expect(priceOf({ prompt: '-1', completion: '-1' }, 'today')).toBeUndefined()
  })

  test('is parsed without a row that can’t be parsed', () => {
    expect(read([row('a/one'), row('a/two'), { id: 3 }]).map(({ listing }) => listing.slug)).toEqual([
      'a/one',
      'a/two',
    ])
  })

  test.each([
    ['no list', { data: 'none' }, 0, /no list of models/],
    ['an empty list', { data: [] }, 0, /no list of models/],
    ['half of it unreadable', { data: [row('a/one'), {}] }, 0, /only 1 of its 2 models/],
    [
      'all prices 0',
      { data: [row('a/one', '0'), row('a/two', '0')] },
      0,
      /not one of its models has a price/,
    ],
    ['half the models gone', { data: [row('a/one')] }, 2, /lists 1 models, after 2/],
  ])('that is absurd is refused: %s', (_, value, before, message) => {
    expect(() => readListing(value, { day: 'today', before })).toThrow(
      expect.objectContaining({ code: 'upstream-failed', message: expect.stringMatching(message) }),
    )
  })
})

describe('OpenRouter’s list merged with the models file', () => {
  const { catalog } = parseModelsFile(`
models:
  mini:
    display_name: Mini
    backends:
      - { provider: openai, model_id: mini, input_cost: 1, output_cost: 2 }
      - { provider: openrouter, model_id: openai/mini, input_cost: 1.5, output_cost: 2 }
  bare:
    backends: [{ provider: openrouter, model_id: a/bare }]
`)

  test('fills in what the models file does not set', () => {
    const merged = withListing(catalog, read([row('openai/mini'), row('a/bare')]))
    expect(merged.models.get('mini')).toMatchObject({ displayName: 'Mini', contextWindow: 128_000 })
    expect(merged.endpoints.get('openrouter/openai/mini')?.price?.input).toBe(parseUsd('1.5'))
    expect(merged.endpoints.get('openrouter/a/bare')?.price?.input).toBe(parseUsd('0.15'))
    expect(merged.models.size).toBe(2)
  })

  test('adds other models under OpenRouter’s names', () => {
    const added = row('b/new', '0.000001', {
      architecture: { input_modalities: ['text', 'image'], output_modalities: ['text'] },
      supported_parameters: ['tools', 'reasoning'],
    })
    const merged = withListing(catalog, read([added, row('openai/mini')]))
    expect(merged.models.get('b/new')).toMatchObject({
      kind: 'chat',
      capabilities: ['tool_calling', 'reasoning', 'vision'],
      isDiscovered: true,
      endpoints: [{ id: 'openrouter/b/new', modelId: 'b/new' }],
    })
  })

  test('has a price per image, or none where the list has 0', () => {
    const priced = (image: string) =>
      row('b/new', '0.000001', { pricing: { prompt: '0.1', completion: '0.1', image } })
    const [expensive, free] = [priced('0.003613'), priced('0')].map(
      (listed) => withListing(catalog, read([listed])).endpoints.get('openrouter/b/new')?.price,
    )
    expect(expensive?.perImage).toBe(parseUsd('0.003613'))
    expect(free).toMatchObject({ perImage: undefined, output: parseUsd('100000') })
  })

  test('has another version when a price changes', () => {
    const versions = [
      withListing(catalog, read([row('a/x')])),
      withListing(catalog, read([row('a/x', '0.000002')])),
    ]
    expect(new Set([catalog.version, ...versions.map(({ version }) => version)]).size).toBe(3)
  })
})
