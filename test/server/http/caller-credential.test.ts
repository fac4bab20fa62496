import { expect, test } from 'vitest'
import { CallerCredentials } from '../../../src/auth/caller-credentials.ts'
import { createBearerVerifier } from '../../../src/auth/verify-bearer.ts'
import { authenticate, bearerProof, isAdmin, requireAdmin } from '../../../src/server/http/authenticate.ts'
import type { HttpRequest } from '../../../src/server/http/node/request-types.ts'
import { manualClock } from '../../support/manual-clock.ts'

const caller = { ip: '10.0.0.1', context: 'lab' }

/** A request with a valid credential, beside headers that name another caller. */
function requestWith(server: { trustForwarded: boolean; context?: string; proxies?: ReadonlySet<string> }) {
  const clock = manualClock()
  const callerCredentials = new CallerCredentials({ clock, tokens: { list: () => [] } })
  const tokens = {
    find: (): never => {
      throw new Error('no token of ours is looked up')
    },
  }
  const parts = { adminToken: undefined, heroSecret: undefined, tokens, callerCredentials, clock }
  const bearerVerifier = createBearerVerifier(parts)
  const text = callerCredentials.issue({ caller, server: 'hero', call: 'gen-1' }).text.reveal()
  const { trustForwarded, ...rules } = server
  return {
    server: { trustForwarded, callerRules: { bearerVerifier, ...rules } },
    headers: { authorization: `Bearer ${text}`, 'x-forwarded-for': '9.9.9.9', 'x-hero-context': 'other' },
    socket: { remoteAddress: '127.0.0.1' },
  } as unknown as HttpRequest
}

test.each([
  ['a Unix socket', { trustForwarded: true }],
  ['the socket of a context', { trustForwarded: true, context: 'fixed' }],
])('on %s a credential names its caller, whatever the headers say', (_where, server) => {
  expect(authenticate(requestWith(server))).toEqual({ ...caller, viaTool: true })
})

test('a credential is no administrator’s, even on the socket of a broker without an admin token', () => {
  const request = requestWith({ trustForwarded: true })
  request.headers['x-forwarded-for'] = undefined
  request.headers['x-hero-context'] = undefined
  expect(isAdmin(request)).toBe(false)
  expect(() => requireAdmin(request)).toThrow(/not an administrator/)
})

test.each([
  ['a port', { trustForwarded: false }],
  ['a port behind a trusted proxy', { trustForwarded: false, proxies: new Set(['127.0.0.1']) }],
])('on %s a credential is refused', (_where, server) => {
  expect(() => bearerProof(requestWith(server))).toThrow(/on Unix sockets only/)
  expect(() => authenticate(requestWith(server))).toThrow(/on Unix sockets only/)
})
