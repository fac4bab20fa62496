import { join } from 'node:path'

import { assert, constant, constantFrom, oneof, property, record, webPath } from 'fast-check'
import { describe, expect, test } from 'vitest'

import { findPaths } from '../../src/config/paths.ts'
import { createSettings } from '../../src/config/settings.ts'
import { defaultSockets, socketsAt } from '../../src/sdk-node/socket-paths.ts'

describe('the default sockets', () => {
  const all = {
    PATH_SOCKETS: '/a',
    PATH_SOCKET: '/b',
    HERO_SOCKET_DIR: '/c/',
    PATH_VAR: '/d',
    PATH_ROOT: '/e',
    HOME: '/home/ada',
  }

  test.each([
    [all, '/a'],
    [{ ...all, PATH_SOCKETS: '' }, '/b'],
    [{ HERO_SOCKET_DIR: '/c/', PATH_VAR: '/d', HOME: '/home/ada' }, '/c'],
    [{ PATH_VAR: '/d', PATH_ROOT: '/e' }, '/d/sockets'],
    [{ PATH_ROOT: '/e', HOME: '/home/ada' }, '/e/var/sockets'],
    [{ HOME: '/home/ada' }, '/home/ada/hero/var/sockets'],
  ])('with %j are in %s', (environment, folder) => {
    expect(defaultSockets(environment)).toEqual({
      rpc: `${folder}/hero_aibroker/rpc.sock`,
      rest: `${folder}/hero_aibroker/rest.sock`,
    })
  })
})

test('client and broker find the same sockets in any environment', () => {
  const path = oneof(constant(''), constantFrom('/a', '/a/b/', ' /a ', 'c', '~/d', '~'), webPath())
  const names = ['PATH_SOCKETS', 'PATH_SOCKET', 'HERO_SOCKET_DIR', 'PATH_VAR', 'PATH_ROOT', 'HOME'] as const
  const environments = record(Object.fromEntries(names.map((name) => [name, path])), { requiredKeys: [] })
  assert(
    property(environments, (environment) => {
      const { socketDir } = findPaths(createSettings(environment), process.cwd())
      const folder = join(socketDir, 'hero_aibroker')
      expect(defaultSockets(environment)).toEqual({
        rpc: join(folder, 'rpc.sock'),
        rest: join(folder, 'rest.sock'),
      })
    }),
  )
})

describe('sockets named by a path', () => {
  test.each([
    ['/run/b/rpc.sock', '/run/b/rpc.sock', '/run/b/rest.sock'],
    ['/run/b/rest.sock', '/run/b/rpc.sock', '/run/b/rest.sock'],
    ['rpc.sock', './rpc.sock', './rest.sock'],
    ['/rpc.sock', '/rpc.sock', '/rest.sock'],
    ['/run/b/', '/run/b/rpc.sock', '/run/b/rest.sock'],
    ['/run/both.sock', '/run/both.sock', '/run/both.sock'],
  ])('%s means %s and %s', (path, rpc, rest) => {
    expect(socketsAt(path)).toEqual({ rpc, rest })
  })
})
