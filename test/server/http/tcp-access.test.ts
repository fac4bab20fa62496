import { systemClock } from '../../../src/base/clock.ts'
import { BrokerError } from '../../../src/base/errors.ts'
import { createBearerVerifier } from '../../../src/auth/verify-bearer.ts'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { mayListen, requireOwnPage, requireBearer } from '../../../src/server/http/tcp-access.ts'
import { sendRaw } from '../../support/raw-http.ts'
import { errorOf, openServer } from './open-server.ts'

const routes = {
  tcp: '127.0.0.1',
  routes: (server: FastifyInstance) => {
    server.get('/', () => 'in')
  },
}

test('a listener beyond this machine needs a token', () => {
  expect(mayListen('127.0.0.1', false)).toBe(true)
  expect(mayListen('::1', false)).toBe(true)
  expect(mayListen('0.0.0.0', false)).toBe(false)
  expect(mayListen('::', false)).toBe(false)
  expect(mayListen('400::1', false)).toBe(false)
  expect(mayListen('400::1', true)).toBe(true)
})

describe('a TCP listener with a token', () => {
  const tokens = {
    find: () => {
      throw new BrokerError('unauthorized', 'no tokens here')
    },
  }
  const bearerVerifier = createBearerVerifier({
    adminToken: new Secret('s3cret'),
    heroSecret: undefined,
    tokens,
    clock: systemClock,
  })
  const guarded = { ...routes, guards: [requireBearer], callers: { bearerVerifier } }

  test.each(['Bearer s3cret', 'bearer  s3cret '])('admits “%s”', async (shown) => {
    await using opened = await openServer(guarded)
    expect(await opened.send(`GET / HTTP/1.1\nauthorization: ${shown}`)).toMatchObject({
      status: 200,
      body: 'in',
    })
  })

  test.each([
    'x: 1',
    'authorization: Bearer s3cre',
    'authorization: Bearer s3cret2',
    'authorization: Basic s3cret',
    'authorization: Bearer',
  ])('refuses “%s”, on unknown paths too', async (line) => {
    await using opened = await openServer(guarded)
    for (const path of ['/', '/unknown']) {
      const response = await opened.send(`GET ${path} HTTP/1.1\n${line}`)
      expect(response?.headers.get('www-authenticate')).toBe('Bearer')
      expect(errorOf(response)).toMatchObject({ code: 401, metadata: { error_type: 'authentication' } })
      expect(response?.body).not.toContain('s3cre')
    }
  })
})

describe('a loopback listener without a token', () => {
  const send = async (head: string) => {
    await using opened = await openServer({
      ...routes,
      guards: [requireOwnPage({ address: '127.0.0.1', hosts: [] })],
    })
    return await sendRaw(opened.where, `GET / HTTP/1.1\r\nconnection: close\r\n${head}\r\n\r\n`)
  }

  test.each([
    'host: localhost',
    'host: LOCALHOST:33850',
    'host: 127.0.0.1:33850',
    'host: [::1]:33850',
    'host: localhost:3000\r\norigin: http://localhost:3000',
    'host: [::1]:3000\r\norigin: http://[::1]:3000',
  ])('admits names of this machine: %j', async (head) => {
    expect(await send(head)).toMatchObject({ status: 200 })
  })

  test.each([
    'host: evil.example',
    'host: localhost.evil.example:33850',
    'host: 127.0.0.1.evil.example',
    'host: 10.0.0.1',
    'host: localhost\r\norigin: https://evil.example',
    'host: localhost\r\norigin: null',
    'host: localhost\r\norigin: http://localhost:3000',
    'host: localhost:80\r\norigin: http://[::1]',
    'host: localhost\r\norigin: http://localhost.evil.example',
  ])('refuses web pages of other sites: %j', async (head) => {
    expect(errorOf(await send(head))).toMatchObject({
      code: 403,
      metadata: { error_type: 'permission_denied' },
    })
  })
})
