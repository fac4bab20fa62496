import { describe, expect, test } from 'vitest'
import type { LeftOut } from '../../src/routing/endpoint-candidate.ts'
import { route } from '../../src/routing/route.ts'
import { parsePreferences } from '../../src/wire/openai/provider-preferences.ts'
import { NO_NEEDS } from '../../src/wire/openai/routing-preferences.ts'
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
  const wishes = { model, otherModels, preferences: parsePreferences(provider), needs: NO_NEEDS }
  const leftOut: LeftOut = { endpoints: [], models: [] }
  const around = { catalog, providers: ready, figuresOf: () => undefined }
  const asked = (): string[] =>
    route({ kind: 'chat', strategy: 'cheapest', wishes }, around, leftOut).candidates.map(({ id }) => id)
  return { asked, leftOut }
}

/** Every endpoint of the models in question is either asked or left out, once, for a reason. */
function everybody({ asked, leftOut }: ReturnType<typeof explained>): string[] {
  const candidates = asked()
  expect(leftOut.endpoints.every(({ step, reason }) => step !== '' && reason !== '')).toBe(true)
  return [...candidates, ...leftOut.endpoints.map(({ endpoint }) => endpoint.id)].sort()
}

const ONE = ['groq/one', 'nobody/one', 'openai/one', 'openrouter/acme/one']

describe('everybody is either asked or left out for a reason', () => {
  test.each([
    {},
    { only: ['groq'] },
    { ignore: ['openai'] },
    { order: ['openai'], allow_fallbacks: false },
    { allow_fallbacks: false },
    { max_price: { prompt: 1.5 } },
    { zdr: true, only: ['openrouter'] },
  ])('with %j', (provider) => {
    expect(everybody(explained('one', provider))).toEqual(ONE)
  })

  test('also beyond the most that are ever tried', () => {
    const asked = explained('many')
    expect(everybody(asked)).toHaveLength(9)
    expect(asked.leftOut.endpoints).toHaveLength(3)
  })

  test('also when nobody is left to be asked', () => {
    const { asked, leftOut } = explained('one', { only: ['openai'], max_price: { prompt: 1 } })
    expect(asked).toThrow(/max price/)
    expect(leftOut.endpoints.map(({ endpoint }) => endpoint.id).sort()).toEqual(ONE)
  })

  test('also by an automatic choice, but for those who are not set up', () => {
    const here = [...catalog.endpoints.keys()].filter((id) => !id.startsWith('nobody/'))
    expect(everybody(explained('auto'))).toEqual(here.sort())
  })
})

test('a model of the list that can’t be asked is told with its fault', () => {
  const { asked, leftOut } = explained('on', {}, ['one'])
  expect(asked()).toContain('groq/one')
  expect(leftOut.models).toMatchObject([{ model: 'on', error: { code: 'no-such-model' } }])
})

test('an automatic choice takes a model where the wishes allow it, not only where it is best', () => {
  expect(explained('auto', { only: ['openrouter'] }).asked()).toEqual(['openrouter/acme/one'])
  expect(explained('auto', { order: ['openai'] }).asked()).toContain('openai/one')
})
