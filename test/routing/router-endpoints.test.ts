import { describe, expect, test } from 'vitest'
import { readRouterEndpoints } from '../../src/catalog/sources/router-endpoints.ts'
import type { ExclusionLog } from '../../src/routing/endpoint-candidate.ts'
import { route } from '../../src/routing/route.ts'
import { parsePreferences } from '../../src/wire/openai/routing/provider-preferences.ts'
import { NO_NEEDS } from '../../src/wire/openai/routing/routing-preferences.ts'
import { catalogOf, providers } from './samples.ts'

const ROWS = [
  {
    tag: 'deepinfra/fp8',
    quantization: 'fp8',
    pricing: { prompt: '0.000001', completion: '0.000002' },
    max_completion_tokens: 8000,
    supported_parameters: ['tools', 'seed'],
  },
  {
    tag: 'Together',
    quantization: null,
    pricing: { prompt: '0.000003', completion: '0.000004' },
    max_completion_tokens: null,
    supported_parameters: ['seed'],
  },
]
const catalog = catalogOf({
  one: {
    offers: [
      { at: 'groq/one', priority: 1, usd: 9 },
      { at: 'openrouter/acme/one', priority: 2, usd: 1 },
    ],
  },
})

function routed(provider: object, needs: object = {}, rows: readonly object[] = ROWS, model = 'one') {
  const preferences = parsePreferences(provider)
  const requested = { model, otherModels: [], preferences, needs: { ...NO_NEEDS, ...needs } }
  const known = readRouterEndpoints(rows, '2026-11-22')
  const input = {
    catalog,
    providers: providers('groq', 'openrouter'),
    performanceOf: () => undefined,
    routerEndpoints: () => known,
  }
  const exclusions: ExclusionLog = { endpoints: [], models: [] }
  let ids: string[] = []
  try {
    ids = route({ kind: 'chat', strategy: 'best', requested }, input, exclusions).candidates.map(
      ({ id }) => id,
    )
  } catch {
    // No candidate is left.
  }
  const reason = exclusions.endpoints.find(({ endpoint }) => endpoint.provider === 'openrouter')?.reason
  return { isCandidate: ids.includes('openrouter/acme/one'), reason }
}

describe('OpenRouter is a candidate when one of its endpoints meets all conditions', () => {
  test.each([
    [{ only: ['deepinfra'] }, {}],
    [{ only: ['deepinfra/fp8'] }, {}],
    [{ only: ['together', 'nobody'] }, {}],
    [{ only: ['openrouter'] }, {}],
    [{ order: ['nobody'] }, {}],
    [{ ignore: ['deepinfra'] }, {}],
    [{ quantizations: ['fp8'] }, {}],
    [{ quantizations: ['unknown'] }, {}],
    [{ max_price: { prompt: 1, completion: '2' } }, {}],
    [{ require_parameters: true }, { parameters: ['tools'] }],
    [{ ignore: ['nobody'] }, { maxTokens: 9000 }],
  ])('%j', (provider, needs) => {
    expect(routed(provider, needs).isCandidate).toBe(true)
  })
})

describe('OpenRouter is excluded, with the condition that none of its endpoints meets', () => {
  test.each([
    [{ only: ['fireworks'] }, {}, 'provider.only'],
    [{ order: ['fireworks'], allow_fallbacks: false }, {}, 'provider.order'],
    [{ ignore: ['deepinfra', 'together'] }, {}, 'provider.ignore'],
    [{ quantizations: ['int4'] }, {}, 'provider.quantizations'],
    [{ max_price: { completion: 1 } }, {}, 'provider.max_price'],
    [{ require_parameters: true }, { parameters: ['tools', 'top_k'] }, 'provider.require_parameters'],
    // Each condition alone is met, but by different endpoints.
    [{ only: ['together'], quantizations: ['fp8'] }, {}, 'provider.quantizations'],
    [{ only: ['deepinfra'] }, { maxTokens: 9000 }, 'max_tokens'],
  ])('%j', (provider, needs, condition) => {
    const { isCandidate, reason } = routed(provider, needs)
    expect(isCandidate).toBe(false)
    expect(reason).toMatch(`none of them meets ${condition}`)
  })
})

test.each([
  ['no rows', []],
  ['a row that can’t be read', [...ROWS, { tag: '' }]],
])('OpenRouter is a candidate when its endpoints are unknown (%s)', (_name, rows) => {
  expect(routed({ quantizations: ['int4'] }, {}, rows).isCandidate).toBe(true)
})

test('the endpoints of a variant such as “:nitro” are unknown, so OpenRouter is a candidate', () => {
  expect(routed({ quantizations: ['int4'] }, {}, ROWS, 'one:nitro').isCandidate).toBe(true)
})
