import { expect, test } from 'vitest'
import { mayUseEndpoint } from '../../../src/inference/services/access-policy.ts'
import type { Restriction } from '../../../src/limits/limit-rule.ts'
import type { Provider } from '../../../src/providers/provider.ts'

const OPEN: Restriction = { providers: undefined, models: undefined, isLocalOnly: false }
const company = { headquarters: 'US' }
const PROVIDERS: Readonly<Record<string, Partial<Provider>>> = {
  american: { company, privacy: { trains: false, retains: true } },
  unknown: {},
  local: { isLocal: true },
  mother: { isMother: true, attestsPolicy: true },
  near: { isMother: true, attestsPolicy: true, isOnHost: true },
  old: { isMother: true },
}

function usable(restriction: Partial<Restriction>): readonly string[] {
  return Object.entries(PROVIDERS).flatMap(([id, state]) => {
    const providers = new Map([[id, { id, isLocal: false, ...state } as Provider]])
    const endpoint = { model: 'm', provider: id }
    return mayUseEndpoint(endpoint, providers, [{ ...OPEN, ...restriction }]) ? [id] : []
  })
}

test.each<[string, Partial<Restriction>, readonly string[]]>([
  ['nothing', {}, ['american', 'unknown', 'local', 'mother', 'near', 'old']],
  ['a country', { regions: new Set(['US']) }, ['american', 'local', 'mother', 'near']],
  ['another country', { regions: new Set(['DE']) }, ['local', 'mother', 'near']],
  ['no training', { noTraining: true }, ['american', 'local', 'mother', 'near']],
  ['no retention', { noRetention: true }, ['local', 'mother', 'near']],
  ['this host', { isLocalOnly: true }, ['local', 'near']],
  ['no broker above', { maxHops: 0 }, ['american', 'unknown', 'local']],
  ['a provider', { providers: new Set(['american']) }, ['american', 'mother', 'near']],
  ['an old mother by name', { providers: new Set(['old']) }, ['mother', 'near', 'old']],
])(
  'a caller bound to %s may use the providers that keep to it, and mothers that attest it',
  (_to, restriction, ids) => {
    expect(usable(restriction)).toEqual(ids)
  },
)
