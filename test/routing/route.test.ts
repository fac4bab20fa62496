import { describe, expect, test } from 'vitest'
import { route } from '../../src/routing/route.ts'
import { NO_PREFERENCES } from '../../src/wire/openai/routing/provider-preferences.ts'
import { NO_NEEDS } from '../../src/wire/openai/routing/routing-preferences.ts'
import { catalogOf, providers } from './samples.ts'

const catalog = catalogOf({
  'gpt-4o': {
    tier: 'premium',
    offers: [
      { at: 'openrouter/openai/gpt-4o', priority: 5, usd: 5 },
      { at: 'openai/gpt-4o', priority: 1, usd: 5 },
    ],
  },
  'llama-70b': {
    offers: [
      { at: 'groq/llama-70b', usd: 0.6 },
      { at: 'sambanova/Llama-70B', usd: 0.5 },
      { at: 'openrouter/meta/llama-70b' },
    ],
  },
  tiny: { tier: 'economy', offers: [{ at: 'openai/tiny', usd: 0.1 }] },
  embed: { kind: 'embedding', offers: [{ at: 'openai/embed', usd: 0.01 }] },
  loopback: { tier: 'free', offers: [{ at: 'local/loopback', usd: 0 }] },
})

const ids = (
  model: string,
  ready: ReadonlyMap<string, { isMock: boolean }>,
  strategy: 'cheapest' | 'best' = 'cheapest',
) => {
  const requested = { model, otherModels: [], preferences: NO_PREFERENCES, needs: NO_NEEDS }
  const input = { catalog, providers: ready, performanceOf: () => undefined }
  return route({ kind: 'chat', strategy, requested }, input).candidates.map(({ id }) => id)
}

describe('the order of candidates', () => {
  const all = providers('openai', 'openrouter', 'groq', 'sambanova', 'local')

  test('starts with the lowest priority number', () => {
    expect(ids('gpt-4o', all)).toEqual(['openai/gpt-4o', 'openrouter/openai/gpt-4o'])
  })

  test('starts with the lowest price where priorities are equal, and ends with an unknown price', () => {
    expect(ids('llama-70b', all)).toEqual([
      'sambanova/Llama-70B',
      'groq/llama-70b',
      'openrouter/meta/llama-70b',
    ])
  })

  test('has only endpoints whose provider is configured', () => {
    expect(ids('llama-70b', providers('groq'))).toEqual(['groq/llama-70b'])
  })
})

describe('a model can be named', () => {
  const all = providers('openai', 'openrouter', 'groq', 'sambanova')

  test('by OpenRouter’s name, which means all its endpoints', () => {
    expect(ids('openai/gpt-4o', all)).toEqual(['openai/gpt-4o', 'openrouter/openai/gpt-4o'])
    expect(ids('meta/llama-70b', all)[0]).toBe('sambanova/Llama-70B')
  })

  test('by provider/model_id, which means that endpoint alone', () => {
    expect(ids('groq/llama-70b', all)).toEqual(['groq/llama-70b'])
    expect(ids('openrouter/openai/gpt-4o', all)).toEqual(['openrouter/openai/gpt-4o'])
  })
})

describe('an automatic choice', () => {
  test('of the cheapest starts with the lowest price and has each model once', () => {
    expect(ids('auto', providers('openai', 'groq'))).toEqual([
      'openai/tiny',
      'groq/llama-70b',
      'openai/gpt-4o',
    ])
  })

  test('of the best starts with the highest tier', () => {
    expect(ids('autobest', providers('openai', 'groq'))).toEqual([
      'openai/gpt-4o',
      'groq/llama-70b',
      'openai/tiny',
    ])
    expect(ids('auto', providers('openai', 'groq'), 'best')[0]).toBe('openai/gpt-4o')
    expect(ids('autocheapest', providers('openai', 'groq'), 'best')[0]).toBe('openai/tiny')
  })

  test('uses the mock provider only when no real provider is configured', () => {
    expect(ids('auto', providers('local', 'groq'))).toEqual(['groq/llama-70b'])
    expect(ids('auto', providers('local'))).toEqual(['local/loopback'])
  })
})

describe('a model without candidates gets an error that explains it', () => {
  test.each([
    ['gpt-4', providers('openai'), 'no-such-model', /did you mean “gpt-4o”/],
    ['llama-70b', providers('openai'), 'none-fits', /set GROQ_API_KEY or SAMBANOVA_API_KEY/],
    ['embed', providers('openai'), 'bad-request', /for embedding/],
    ['auto', providers(), 'none-fits', /OPENROUTER_API_KEY/],
  ])('%s', (model, ready, code, message) => {
    expect(() => ids(model, ready)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  })

  test.each(['__proto__', 'constructor', 'toString'])('for a model named %s', (model) => {
    expect(() => ids(model, providers('openai'))).toThrow(expect.objectContaining({ code: 'no-such-model' }))
  })
})

test.each(['/', ':free', ':nobody', 'x'])(
  'a model name followed by megabytes of “%s” gets a short error',
  (more) => {
    const refusal = { code: 'no-such-model', message: expect.stringMatching(/^.{0,400}$/) }
    expect(() => ids(`llama-70b${more.repeat(2_000_000)}`, providers('groq'))).toThrow(
      expect.objectContaining(refusal),
    )
  },
)
