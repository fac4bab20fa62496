import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { BrokerError } from '../../../src/base/errors.ts'
import { Secret } from '../../../src/base/secret.ts'
import { createBearerVerifier } from '../../../src/auth/verify-bearer.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { authenticate, isAdmin } from '../../../src/server/http/authenticate.ts'
import { errorOf, openServer } from './open-server.ts'

const routes = {
  routes: (server: FastifyInstance) => {
    server.get('/who', (request) => authenticate(request))
  },
}

async function who(on: { tcp?: string }, head = '') {
  await using opened = await openServer({ ...routes, ...on })
  return await opened.send(`GET /who HTTP/1.1${head}`)
}

test('a caller on a Unix socket without headers is local and has no context', async () => {
  expect(JSON.parse((await who({}))?.body ?? '')).toEqual({ ip: 'local' })
})

test('a front on a Unix socket names the caller and its context', async () => {
  const response = await who({}, '\nX-Forwarded-For: 10.0.0.1, 0400::1\nX-Hero-Context: 7')
  expect(JSON.parse(response?.body ?? '')).toEqual({ ip: '400::1', context: '7' })
})

test('a forwarded list without an address leaves the caller local', async () => {
  expect(JSON.parse((await who({}, '\nX-Forwarded-For: unknown'))?.body ?? '')).toMatchObject({ ip: 'local' })
})

test.each(['\nX-Hero-Context: a/b', '\nX-Hero-Context:', '\nX-Hero-Context: 1\nX-Hero-Context: 2'])(
  'a malformed context header is refused: %j',
  async (head) => {
    expect(errorOf(await who({}, head))).toMatchObject({
      code: 400,
      message: expect.stringContaining('X-Hero-Context'),
    })
  },
)

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
  ['::ffff:127.0.0.1', '127.0.0.1'],
])('on TCP at %s the caller is the peer, whatever the headers say', async (tcp, ip) => {
  const response = await who({ tcp }, '\nX-Forwarded-For: 10.0.0.1\nX-Hero-Context: 0')
  expect(JSON.parse(response?.body ?? '')).toEqual({ ip })
})

describe('caller rules', () => {
  const routes = (server: FastifyInstance): void => {
    server.get('/who', (request) => authenticate(request))
  }
  const send = async (setup: Parameters<typeof openServer>[0], lines = ''): Promise<unknown> => {
    await using opened = await openServer({ routes, ...setup })
    const response = await opened.send(`GET /who HTTP/1.1${lines === '' ? '' : `\n${lines}`}`)
    return JSON.parse(response?.body ?? '')
  }

  test('a trusted proxy on TCP names the caller: the last address of the list that is not a proxy', async () => {
    const setup = { tcp: '127.0.0.1', callers: { proxies: new Set(['127.0.0.1', '10.0.0.2']) } }
    const lines = 'x-forwarded-for: 6.6.6.6, 10.0.0.9, 10.0.0.2\nx-hero-context: lab'
    expect(await send(setup, lines)).toEqual({ ip: '10.0.0.9', context: 'lab' })
  })

  test('headers of a TCP peer that is not a trusted proxy are ignored', async () => {
    const setup = { tcp: '127.0.0.1', callers: { proxies: new Set(['10.0.0.2']) } }
    expect(await send(setup, 'x-forwarded-for: 6.6.6.6\nx-hero-context: lab')).toEqual({ ip: '127.0.0.1' })
  })

  test('a socket of one context sets it, whatever the header says', async () => {
    const callers = { context: 'lab' }
    expect(await send({ callers }, 'x-hero-context: root')).toEqual({ ip: 'local', context: 'lab' })
    expect(await send({ callers }, 'x-hero-context: not a label!')).toMatchObject({ context: 'lab' })
  })

  test('with roll-up an IPv6 /64 is one payer and IPv4 addresses are unchanged', async () => {
    const callers = { rollsUp: true }
    expect(await send({ callers }, 'x-forwarded-for: 54f:b680:ba6e:7ced:1:2:3:4')).toEqual({
      ip: '54f:b680:ba6e:7ced::/64',
    })
    expect(await send({ callers }, 'x-forwarded-for: 10.0.0.9')).toEqual({ ip: '10.0.0.9' })
  })
})

describe('administrator access on a Unix socket', () => {
  const tokens = {
    find: (token: string) => {
      if (token !== 'hb-one') throw new BrokerError('unauthorized', 'no such token')
      return { id: 'tok-1', label: '', createdAt: 0, expiresAt: undefined, isDisabled: false }
    },
  }
  const isAdministrator = async (lines: string, adminToken?: string): Promise<unknown> => {
    const verifierParts = { heroSecret: undefined, tokens, clock: systemClock }
    const bearerVerifier = createBearerVerifier({
      ...verifierParts,
      adminToken: adminToken === undefined ? undefined : new Secret(adminToken),
    })
    const adminRoute = (server: FastifyInstance): void => {
      server.get('/who', (request) => ({ isAdmin: isAdmin(request) }))
    }
    await using opened = await openServer({ routes: adminRoute, callers: { bearerVerifier } })
    const response = await opened.send(`GET /who HTTP/1.1${lines === '' ? '' : `\n${lines}`}`)
    return JSON.parse(response?.body ?? '').isAdmin ?? response?.status
  }

  test.each([
    ['without a bearer', '', true],
    ['with the dummy key of a client', 'authorization: Bearer sk-dummy', true],
    ['with a token of a caller', 'authorization: Bearer hb-one', false],
    ['with an unknown token', 'authorization: Bearer hb-two', 401],
    ['behind a front', 'x-forwarded-for: 10.0.0.1', false],
  ])('%s and no admin secret: %s', async (_, lines, expected) => {
    expect(await isAdministrator(lines)).toBe(expected)
  })

  test.each([
    ['without a bearer', '', false],
    ['with a token of a caller', 'authorization: Bearer hb-one', false],
    ['with the admin token', 'authorization: Bearer root', true],
  ])('%s and an admin token: %s', async (_, lines, expected) => {
    expect(await isAdministrator(lines, 'root')).toBe(expected)
  })
})
