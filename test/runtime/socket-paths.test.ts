import { expect, test } from 'vitest'
import { checkSocketPath, socketPaths } from '../../src/runtime/socket-paths.ts'

test('the sockets are in a folder of their own below Hero’s', () => {
  expect(socketPaths('/s')).toEqual({
    folder: '/s/hero_aibroker',
    rest: '/s/hero_aibroker/rest.sock',
    rpc: '/s/hero_aibroker/rpc.sock',
    web: '/s/hero_aibroker/web_v1.sock',
    admin: '/s/hero_aibroker/admin.sock',
    loopback: '/s/hero_aibroker/loopback.sock',
  })
})

test('a socket path of 107 bytes is accepted, one of 108 is refused with a remedy', () => {
  const longest = `/${'x'.repeat(106)}`
  expect(checkSocketPath(longest)).toBe(longest)
  expect(() => checkSocketPath(`${longest}x`)).toThrow(
    /x is 108 bytes long, the system allows 107; set HERO_SOCKET_DIR/,
  )
})

test('the length of a socket path counts in bytes, not characters', () => {
  expect(() => checkSocketPath(`/${'ü'.repeat(54)}`)).toThrow(/109 bytes/)
})
