import { expect, test } from 'vitest'
import { CallerCredentials, CREDENTIAL_PREFIX } from '../../src/auth/caller-credentials.ts'
import type { TokenInfo } from '../../src/auth/token-table.ts'
import { createBearerVerifier } from '../../src/auth/verify-bearer.ts'
import { manualClock } from '../support/manual-clock.ts'

const caller = { ip: '10.0.0.1', context: 'lab', token: 'tok-1' }
const binding = { caller, server: 'hero', call: 'gen-1' }

function setUp() {
  const clock = manualClock()
  const info: TokenInfo = { id: 'tok-1', label: '', createdAt: 0, expiresAt: undefined, isDisabled: false }
  const stored = { tokens: [info] as TokenInfo[] }
  const credentials = new CallerCredentials({ clock, tokens: { list: () => stored.tokens } })
  const find = (): never => {
    throw new Error('no token of ours is looked up')
  }
  const verifier = createBearerVerifier({
    adminToken: undefined,
    heroSecret: undefined,
    tokens: { find },
    callerCredentials: credentials,
    clock,
  })
  return { clock, info, stored, credentials, verifier }
}

test('a credential proves exactly its caller, and never an administrator', () => {
  const { credentials, verifier } = setUp()
  const { text } = credentials.issue(binding)
  expect(verifier.verify(text.reveal())).toEqual({ isAdmin: false, token: 'tok-1', caller })
  expect(credentials.find(text.reveal())).toMatchObject({ server: 'hero', call: 'gen-1' })
})

test('a credential ends with its call, and nothing is kept of it', () => {
  const { credentials, verifier } = setUp()
  const { text, revoke } = credentials.issue(binding)
  const other = credentials.issue(binding)
  revoke()
  expect(() => verifier.verify(text.reveal())).toThrow(/no running tool call/)
  expect(verifier.verify(other.text.reveal())?.caller).toEqual(caller)
  other.revoke()
  expect(credentials.size).toBe(0)
})

test('a credential whose call never ends expires', () => {
  const { clock, credentials } = setUp()
  const { text } = credentials.issue(binding)
  clock.advance(24 * 60 * 60_000)
  expect(() => credentials.find(text.reveal())).toThrow(/no running tool call/)
})

test('a credential is worth nothing once the token of its caller is not', () => {
  const { info, stored, credentials } = setUp()
  const text = credentials.issue(binding).text.reveal()
  for (const tokens of [[], [{ ...info, isDisabled: true }], [{ ...info, expiresAt: 0 }]]) {
    stored.tokens = tokens
    expect(() => credentials.find(text)).toThrow(/no longer valid/)
  }
})

test.each(['admin', 'jwt:ada'])(
  'a credential proves %s as a caller, though no token has this id',
  (token) => {
    const { credentials, verifier } = setUp()
    const bearer = { ...caller, token }
    const text = credentials.issue({ ...binding, caller: bearer }).text.reveal()
    expect(verifier.verify(text)).toEqual({ isAdmin: false, token, caller: bearer })
  },
)

test('a forged credential is refused, and does not count as a foreign bearer', () => {
  const { verifier } = setUp()
  expect(() => verifier.verify(`${CREDENTIAL_PREFIX}${'a'.repeat(43)}`)).toThrow(/no running tool call/)
  expect(verifier.verify('dummy')).toBeUndefined()
})

test('a credential prints as ***', () => {
  const { credentials } = setUp()
  expect(JSON.stringify(credentials.issue(binding))).toBe('{"text":"***"}')
})
