import { expect, test } from 'vitest'
import type { Endpoint } from '../../../src/catalog/catalog.ts'
import { sealThinking } from '../../../src/dialects/sealed-thinking.ts'
import { thinkingMakerFirst } from '../../../src/inference/candidates/thinking-maker-first.ts'
import { keyThatMade } from '../../../src/providers/dispatch/thinking-maker.ts'
import type { Provider } from '../../../src/providers/provider.ts'
import { Secret } from '../../../src/base/secret.ts'

const endpoint = (provider: string, priority = 1, model = 'm'): Endpoint =>
  ({ id: `${provider}/${model}`, provider, model, modelId: model, priority }) as Endpoint
const [one, two, three] = [endpoint('one'), endpoint('two'), endpoint('three')]

function providers(state: 'ready' | 'cooling-down' = 'ready'): () => ReadonlyMap<string, Provider> {
  const all = ['one', 'two', 'three'].map((id) => {
    const keys = { definition: { id }, keys: [{ key: new Secret(`key of ${id}`) }] }
    const hasMade = (sealed: string, modelId: string) => keyThatMade(sealed, modelId, keys) !== undefined
    return [id, { hasMade, readiness: () => ({ state }) } as unknown as Provider] as const
  })
  return () => new Map(all)
}

const sealed = (provider: string): string =>
  JSON.stringify({ data: sealThinking('blob/+==', { key: `key of ${provider}`, provider, modelId: 'm' }) })

const order = (text: string, candidates: readonly Endpoint[], state?: 'ready' | 'cooling-down') =>
  thinkingMakerFirst(candidates, text, { providers: providers(state) }).map(({ provider }) => provider)

test('the maker of the latest thinking comes first', () => {
  expect(order(sealed('three'), [one, two, three])).toEqual(['three', 'one', 'two'])
  expect(order(sealed('three') + sealed('two'), [one, two, three])).toEqual(['two', 'one', 'three'])
})

test('a maker that cannot take a request stays where it is', () => {
  expect(order(sealed('three'), [one, two, three], 'cooling-down')).toEqual(['one', 'two', 'three'])
})

test('no maker comes before a candidate of a better priority or of a model that was asked for first', () => {
  expect(order(sealed('three'), [endpoint('one', 0), two, three])).toEqual(['one', 'three', 'two'])
  expect(order(sealed('three'), [endpoint('one', 1, 'other'), two, three])).toEqual(['one', 'three', 'two'])
})

test.each(['no thinking', 'aib1.', sealed('nobody')])('%s changes nothing', (text) => {
  expect(order(text, [one, two, three])).toEqual(['one', 'two', 'three'])
})
