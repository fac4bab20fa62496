import { describe, expect, test } from 'vitest'
import type { ExclusionLog } from '../../src/routing/endpoint-candidate.ts'
import { route } from '../../src/routing/route.ts'
import { parsePreferences } from '../../src/wire/openai/routing/provider-preferences.ts'
import { NO_NEEDS } from '../../src/wire/openai/routing/routing-preferences.ts'
import { catalogOf, providers } from './samples.ts'

const catalog = catalogOf({
  one: {
    offers: [
      { at: 'groq/one', priority: 1, usd: 1 },
      { at: 'openai/one', priority: 2, usd: 2 },
      { at: 'openrouter/acme/one', priority: 3, usd: 3 },
      { at: 'nobody/one', priority: 4, usd: 4 },
    ],
  },
  many: { offers: Array.from({ length: 9 }, (_, at) => ({ at: `groq/many-${at}`, priority: at, usd: 1 })) },
  listed: { isDiscovered: true, offers: [{ at: 'groq/listed', usd: 1 }] },
  loop: { offers: [{ at: 'local/loop', usd: 0 }] },
})
const ready = providers('groq', 'openai', 'openrouter', 'local')

function explained(model: string, provider: object = {}, otherModels: readonly string[] = []) {
  const requested = { model, otherModels, preferences: parsePreferences(provider), needs: NO_NEEDS }
  const exclusions: ExclusionLog = { endpoints: [], models: [] }
  const input = { catalog, providers: ready, performanceOf: () => undefined }
  const candidateIds = (): string[] =>
    route({ kind: 'chat', strategy: 'cheapest', requested }, input, exclusions).candidates.map(({ id }) => id)
  return { candidateIds, leftOut: exclusions }
}

/** The ids of all candidates and excluded endpoints. Each exclusion must have a reason. */
function allIds({ candidateIds, leftOut: exclusions }: ReturnType<typeof explained>): string[] {
  const candidates = candidateIds()
  expect(exclusions.endpoints.every(({ step, reason }) => step !== '' && reason !== '')).toBe(true)
  return [...candidates, ...exclusions.endpoints.map(({ endpoint }) => endpoint.id)].sort()
}

const ONE = ['groq/one', 'nobody/one', 'openai/one', 'openrouter/acme/one']

describe('every endpoint is either a candidate or excluded for a reason', () => {
  test.each([
    {},
    { only: ['groq'] },
    { ignore: ['openai'] },
    { order: ['openai'], allow_fallbacks: false },
    { allow_fallbacks: false },
    { max_price: { prompt: 1.5 } },
    { zdr: true, only: ['openrouter'] },
  ])('with %j', (provider) => {
    expect(allIds(explained('one', provider))).toEqual(ONE)
  })

  test('beyond the maximum of candidates', () => {
    const candidateIds = explained('many')
    expect(allIds(candidateIds)).toHaveLength(9)
    expect(candidateIds.leftOut.endpoints).toHaveLength(3)
  })

  test('when no candidate is left', () => {
    const { candidateIds, leftOut: exclusions } = explained('one', {
      only: ['openai'],
      max_price: { prompt: 1 },
    })
    expect(candidateIds).toThrow(/max price/)
    expect(exclusions.endpoints.map(({ endpoint }) => endpoint.id).sort()).toEqual(ONE)
  })

  test('by an automatic choice, except endpoints of providers that are not configured', () => {
    const here = [...catalog.endpoints.keys()].filter((id) => !id.startsWith('nobody/'))
    expect(allIds(explained('auto'))).toEqual(here.sort())
  })
})

test('a requested model without a candidate is reported with its error', () => {
  const { candidateIds, leftOut: exclusions } = explained('on', {}, ['one'])
  expect(candidateIds()).toContain('groq/one')
  expect(exclusions.models).toMatchObject([{ model: 'on', error: { code: 'no-such-model' } }])
})

test('an automatic choice uses a model at the providers that the preferences allow, not only at the best one', () => {
  expect(explained('auto', { only: ['openrouter'] }).candidateIds()).toEqual(['openrouter/acme/one'])
  expect(explained('auto', { order: ['openai'] }).candidateIds()).toContain('openai/one')
})
