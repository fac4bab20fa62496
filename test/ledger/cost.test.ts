import { calcPrice } from '@pydantic/genai-prices'
import * as fc from 'fast-check'
import { assert, expect, test } from 'vitest'
import { parseUsd, usdNumber, money, ZERO } from '../../src/base/money.ts'
import type { Price, Rates } from '../../src/catalog/catalog.ts'
import { costOf, costParts, minCostOf, maxCostOf } from '../../src/ledger/cost.ts'
import type { Usage } from '../../src/ledger/types.ts'
import { usage } from './samples.ts'

function price(rates: Record<string, string>, changes: Partial<Price> = {}): Price {
  const read = Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, parseUsd(rate)]))
  return { input: ZERO, output: ZERO, source: undefined, date: undefined, ...read, ...changes }
}

const gpt4o = price({ input: '2.5', cachedInput: '1.25', output: '10' })
const tiered = price(
  { input: '1.25', output: '10', cachedInput: '0.125' },
  {
    tiers: [
      {
        aboveInputTokens: 200_000,
        input: parseUsd('2.5'),
        output: parseUsd('15'),
        cachedInput: parseUsd('0.25'),
      },
    ],
  },
)

// Each figure was worked out by hand: tokens × dollars per million.
test.each([
  ['a plain response', gpt4o, { prompt: 1000, completion: 200 }, '0.0045'],
  ['a prompt that is half cached', gpt4o, { prompt: 1000, cachedPrompt: 500, completion: 0 }, '0.001875'],
  ['cache writes without their own rate', gpt4o, { prompt: 1000, cacheWrite: 400 }, '0.0025'],
  [
    'cache writes with their own rate',
    price({ input: '3', cacheWrite: '3.75' }),
    { prompt: 1000, cacheWrite: 400 },
    '0.0033',
  ],
  ['reasoning tokens at the output rate', gpt4o, { completion: 1000, reasoning: 900 }, '0.01'],
  [
    'reasoning tokens at their own rate',
    price({ output: '1', reasoning: '3' }),
    { completion: 10, reasoning: 4 },
    '0.000018',
  ],
  [
    'audio in prompt and completion',
    price({ input: '2.5', output: '10', audioInput: '40', audioOutput: '80' }),
    { prompt: 100, audioPrompt: 60, completion: 50, audioCompletion: 30 },
    '0.0051',
  ],
  [
    'images by token and by piece',
    price({ input: '1', image: '10' }, { perImage: parseUsd('0.001') }),
    { prompt: 100, imagePrompt: 60, images: 2 },
    '0.00264',
  ],
  ['a prompt at the edge of a tier', tiered, { prompt: 200_000, completion: 100 }, '0.251'],
  [
    'a prompt one token beyond the edge of a tier',
    tiered,
    { prompt: 200_001, cachedPrompt: 1, completion: 100 },
    '0.50150025',
  ],
  ['a flat fee', price({}, { perRequest: parseUsd('0.005') }), { prompt: 1 }, '0.005'],
  ['text to speech', price({ characters: '15' }), { characters: 13 }, '0.000195'],
  // 0.36 dollars an hour, ninety seconds.
  ['transcription', price({ hours: '360000' }), { soundMs: 90_000 }, '0.009'],
  ['a sound below the minimum', price({ hours: '360000' }, { minimumSeconds: 10 }), { soundMs: 10 }, '0.001'],
  ['a part larger than the whole', gpt4o, { prompt: 10, cachedPrompt: 999 }, '0.0000125'],
])('the cost of %s is what was worked out by hand', (_, price, counts, expected) => {
  expect(costOf(usage(counts), price)).toBe(parseUsd(expected))
})

test('a cost is rounded once, half up', () => {
  // Each side alone is half a nano-dollar and would round up to one.
  const half = price({ input: '0.0005', output: '0.0005' })
  expect(costOf(usage({ prompt: 1, completion: 1 }), half)).toBe(1n)
  expect(costOf(usage({ prompt: 1 }), half)).toBe(1n)
  expect(costOf(usage({ prompt: 1 }), price({ input: '0.000499999' }))).toBe(0n)
})

const oracleModels = [
  ['openai', 'gpt-4o'],
  ['openai', 'gpt-4o-mini'],
  ['openai', 'o1'],
  ['anthropic', 'claude-sonnet-4-0'],
  ['anthropic', 'claude-3-5-haiku-latest'],
  ['google', 'gemini-2.5-pro'],
  ['groq', 'llama-3.3-70b-versatile'],
] as const

const oracleUsages = [
  { input_tokens: 1234, output_tokens: 567 },
  { input_tokens: 100_001, cache_read_tokens: 40_000, output_tokens: 3 },
  { input_tokens: 9000, cache_read_tokens: 100, cache_write_tokens: 800, output_tokens: 77 },
  { input_tokens: 250_000, output_tokens: 1000 },
]

test.each(oracleModels)('the cost agrees with genai-prices for %s %s', (providerId, model) => {
  for (const counts of oracleUsages) {
    const theirs = calcPrice(counts, model, { providerId, timestamp: new Date('2026-01-01') })
    if (theirs === null) throw new Error(`genai-prices no longer knows ${model}`)
    const ours = costOf(
      usage({
        prompt: counts.input_tokens,
        completion: counts.output_tokens,
        cachedPrompt: counts.cache_read_tokens ?? 0,
        cacheWrite: counts.cache_write_tokens ?? 0,
      }),
      fromGenaiPrices(theirs.model_price),
    )
    expect(Math.abs(usdNumber(ours ?? ZERO) - theirs.total_price)).toBeLessThanOrEqual(1e-9)
  }
})

type TheirPrice = NonNullable<ReturnType<typeof calcPrice>>['model_price']

function fromGenaiPrices(theirs: TheirPrice): Price {
  const starts = new Set<number>()
  for (const rate of Object.values(theirs)) {
    if (typeof rate === 'object') for (const tier of rate.tiers) starts.add(tier.start)
  }
  const tiers = [...starts]
    .sort((a, b) => a - b)
    .map((start) => ({ aboveInputTokens: start, ...theirRates(theirs, start) }))
  return { ...theirRates(theirs, 0), tiers, source: undefined, date: undefined }
}

function theirRates(theirs: TheirPrice, start: number): Rates {
  const at = (name: string) => {
    const rate = theirs[name]
    if (rate === undefined) return undefined
    if (typeof rate === 'number') return parseUsd(rate)
    return parseUsd(rate.tiers.findLast((tier) => tier.start <= start)?.price ?? rate.base)
  }
  return {
    input: at('input_mtok') ?? ZERO,
    output: at('output_mtok') ?? ZERO,
    cachedInput: at('cache_read_mtok'),
    cacheWrite: at('cache_write_mtok'),
  }
}

const rate = fc.bigInt({ min: 0n, max: 10n ** 11n }).map(money)
const maybeRate = fc.option(rate, { nil: undefined })
const anyRates = {
  input: rate,
  output: rate,
  cachedInput: maybeRate,
  cacheWrite: maybeRate,
  reasoning: maybeRate,
  audioInput: maybeRate,
  audioOutput: maybeRate,
  image: maybeRate,
}
const anyPrice: fc.Arbitrary<Price> = fc.record({
  ...anyRates,
  perRequest: maybeRate,
  perImage: maybeRate,
  characters: maybeRate,
  hours: maybeRate,
  minimumSeconds: fc.option(fc.nat(30), { nil: undefined }),
  tiers: fc
    .array(fc.record({ aboveInputTokens: fc.integer({ min: 1, max: 2000 }), ...anyRates }), { maxLength: 3 })
    .map((tiers) => tiers.sort((a, b) => a.aboveInputTokens - b.aboveInputTokens)),
  source: fc.constant(undefined),
  date: fc.constant(undefined),
})
const tokens = fc.nat({ max: 3000 })
const anyUsage: fc.Arbitrary<Usage> = fc.record({
  prompt: tokens,
  completion: tokens,
  cachedPrompt: tokens,
  cacheWrite: tokens,
  reasoning: tokens,
  audioPrompt: tokens,
  audioCompletion: tokens,
  characters: tokens,
  soundMs: tokens,
  imagePrompt: tokens,
  images: fc.nat(9),
})

test('no usage within the bounds costs more than the maximum cost', () => {
  fc.assert(
    fc.property(anyPrice, anyUsage, tokens, tokens, (price, counts, morePrompt, moreCompletion) => {
      const maxCost = maxCostOf(
        {
          maxPromptTokens: counts.prompt + morePrompt,
          maxCompletionTokens: counts.completion + moreCompletion,
          maxCharacters: counts.characters,
          maxSoundMs: counts.soundMs,
          maxImages: counts.images,
          isText: counts.audioPrompt === 0 && counts.imagePrompt === 0,
        },
        price,
      )
      if (maxCost === undefined) return
      const cost = costOf(counts, price)
      assert(cost !== undefined, 'a cost with a known bound is known')
      expect(maxCost).toBeGreaterThanOrEqual(cost)
    }),
    { numRuns: 1000 },
  )
})

test('no usage of at least the minimum costs less than the minimum cost', () => {
  fc.assert(
    fc.property(anyPrice, anyUsage, fc.nat(3000), fc.nat(3000), (price, any, prompt, completion) => {
      const counts = { ...any, characters: 0, soundMs: 0 }
      const minUsage = {
        minPromptTokens: Math.min(prompt, counts.prompt),
        minCompletionTokens: Math.min(completion, counts.completion),
        images: counts.images,
      }
      const minCost = minCostOf(minUsage, price)
      const cost = costOf(counts, price)
      assert(minCost !== undefined && cost !== undefined, 'every rate is known')
      expect(minCost).toBeLessThanOrEqual(cost)
    }),
    { numRuns: 1000 },
  )
})

test('usage without a known rate makes the cost unknown, and no usage costs nothing', () => {
  const onlySpeech: Price = { characters: parseUsd('15'), source: undefined, date: undefined }
  expect(costOf(usage({ characters: 13 }), onlySpeech)).toBe(parseUsd('0.000195'))
  expect(costOf(usage({ prompt: 1, characters: 13 }), onlySpeech)).toBeUndefined()
  expect(maxCostOf({ maxPromptTokens: 1, maxCompletionTokens: 0 }, onlySpeech)).toBeUndefined()
})

test('without separate rates and tiers the maximum cost is the cost itself', () => {
  const plain = usage({ prompt: 123, completion: 45 })
  expect(maxCostOf({ maxPromptTokens: 123, maxCompletionTokens: 45 }, gpt4o)).toBe(costOf(plain, gpt4o))
})

test('the parts of a cost are never negative and add up to it', () => {
  fc.assert(
    fc.property(anyPrice, anyUsage, (price, counts) => {
      const parts = costParts(counts, price)
      const whole = costOf(counts, price)
      const [prompt, completion] = [parts?.prompt ?? ZERO, parts?.completion ?? ZERO]
      expect(parts === undefined).toBe(whole === undefined)
      expect(prompt + completion).toBe(whole ?? ZERO)
      expect(prompt >= 0n && completion >= 0n).toBe(true)
    }),
  )
})
