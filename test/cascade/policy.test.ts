import { expect, test } from 'vitest'
import { policyHeader, policyOf, readPolicy } from '../../src/cascade/hop/policy.ts'

const OPEN = { providers: undefined, models: undefined, isLocalOnly: false }

test('restrictions are handed up as what all of them allow, and read as they were', () => {
  const json = policyOf([
    { ...OPEN, providers: new Set(['openai', 'groq']), noTraining: true },
    { ...OPEN, providers: new Set(['groq', 'local']), regions: new Set(['US']), isLocalOnly: true },
  ])
  expect(json).toEqual({ providers: ['groq'], regions: ['US'], no_training: true, local_only: true })
  expect(readPolicy(policyHeader(json ?? {}))).toEqual({
    providers: new Set(['groq']),
    regions: new Set(['US']),
    models: undefined,
    noTraining: true,
    noRetention: undefined,
    isLocalOnly: true,
  })
})

test('without restrictions nothing is handed up', () => {
  expect(policyOf([])).toBeUndefined()
  expect(policyOf([{ ...OPEN, models: ['openai/*'], maxHops: 2 }])).toBeUndefined()
  expect(readPolicy(undefined)).toBeUndefined()
})

test.each(['{"no_logging":true}', '{"no_training":false}', 'no', '[]'])(
  'a policy that can’t be kept is refused: %s',
  (header) => {
    expect(() => readPolicy(header)).toThrow('this broker can’t keep')
  },
)
