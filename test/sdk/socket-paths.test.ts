import { describe, expect, test } from 'vitest'

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
  ])('with %j are under %s', (environment, folder) => {
    expect(defaultSockets(environment)).toEqual({
      rpc: `${folder}/hero_aibroker/rpc.sock`,
      rest: `${folder}/hero_aibroker/rest.sock`,
    })
  })
})

describe('sockets named by hand', () => {
  test.each([
    ['/run/b/rpc.sock', '/run/b/rpc.sock', '/run/b/rest.sock'],
    ['/run/b/rest.sock', '/run/b/rpc.sock', '/run/b/rest.sock'],
    ['rpc.sock', './rpc.sock', './rest.sock'],
    ['/rpc.sock', '/rpc.sock', '/rest.sock'],
    ['/run/b/', '/run/b/rpc.sock', '/run/b/rest.sock'],
    ['/run/both.sock', '/run/both.sock', '/run/both.sock'],
  ])('%s', (path, rpc, rest) => {
    expect(socketsAt(path)).toEqual({ rpc, rest })
  })
})
