import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { findByName, findBySlug, nearestNames } from '../../src/catalog/find-model.ts'
import { parseModelsFile } from '../../src/catalog/models-file/models-file.ts'

const { catalog } = parseModelsFile(`
models:
  gpt-4o:
    backends: [{provider: openai, model_id: gpt-4o}, {provider: openrouter, model_id: openai/gpt-4o}]
  gpt-4o-mini:
    backends: [{provider: openrouter, model_id: openai/gpt-4o-mini}]
  claude-sonnet-4.5:
    backends: [{provider: openrouter, model_id: anthropic/claude-sonnet-4.5}]
  whisper-1:
    backends: [{provider: openai, model_id: whisper-1, priority: 1}, {provider: groq, model_id: whisper-large-v3, priority: 5}]
  whisper-large-v3:
    backends: [{provider: groq, model_id: whisper-large-v3, priority: 1}]
  openai/gpt-4o-mini:
    backends: [{provider: elsewhere, model_id: x}]
`)

test('a name is looked up among the models first', () => {
  expect(findByName(catalog, 'gpt-4o')).toMatchObject({ type: 'model', model: { id: 'gpt-4o' } })
  expect(findByName(catalog, 'openai/gpt-4o-mini')).toMatchObject({ model: { id: 'openai/gpt-4o-mini' } })
})

test('OpenRouter’s author/slug finds the model with that id at OpenRouter', () => {
  expect(findByName(catalog, 'anthropic/claude-sonnet-4.5')).toMatchObject({
    model: { id: 'claude-sonnet-4.5' },
  })
  expect(findBySlug(catalog, 'openai/gpt-4o-mini')?.id).toBe('gpt-4o-mini')
})

test('a slug takes precedence over an endpoint of the same name', () => {
  expect(findByName(catalog, 'openai/gpt-4o')).toMatchObject({ type: 'model', model: { id: 'gpt-4o' } })
})

test('provider/model_id finds that endpoint alone', () => {
  expect(findByName(catalog, 'openrouter/openai/gpt-4o')).toMatchObject({
    type: 'endpoint',
    endpoint: { provider: 'openrouter' },
    model: { id: 'gpt-4o' },
  })
})

test('an endpoint that two models share belongs to the model that gives it the lower priority number', () => {
  expect(findByName(catalog, 'groq/whisper-large-v3')).toMatchObject({ model: { id: 'whisper-large-v3' } })
})

test('an unknown name is not found', () => {
  for (const name of ['gpt-5', 'openrouter/gpt-4o', '', '__proto__', 'constructor'])
    expect(findByName(catalog, name)).toBeUndefined()
})

test.each([
  ['gpt4o', 'gpt-4o'],
  ['GPT-4o', 'gpt-4o'],
  ['gtp-4o', 'gpt-4o'],
  ['gpt-4o-mni', 'gpt-4o-mini'],
  ['claude-sonnet', 'claude-sonnet-4.5'],
  ['claude-sonnet-4-5', 'claude-sonnet-4.5'],
  ['anthropic/claude-sonet-4.5', 'claude-sonnet-4.5'],
])('who writes %s may have meant %s', (written, meant) => {
  expect(nearestNames(catalog, written, 3)[0]).toBe(meant)
})

test('a name that resembles no model gets no suggestion', () => {
  expect(nearestNames(catalog, 'zzzzzzzz', 3)).toEqual([])
  expect(nearestNames(catalog, '', 3)).toEqual([])
})

test('property: the nearest name of a model’s own name is itself', () => {
  fc.assert(
    fc.property(fc.constantFrom(...catalog.models.keys()), (name) => {
      expect(nearestNames(catalog, name, 6)).toContain(name)
    }),
  )
})

test('property: any name gets at most the requested number of suggestions', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 5000 }), (name) => {
      expect(nearestNames(catalog, name, 2).length).toBeLessThanOrEqual(2)
    }),
  )
})
