import { describe, expect, test } from 'vitest'
import { forwardedPayer } from '../../src/auth/address.ts'
import { trustedProxies } from '../../src/auth/trusted-proxies.ts'

describe('trusted proxies', () => {
  const proxies = trustedProxies([
    '10.0.0.1',
    '172.16.0.0/12',
    'FD00:0::/8',
    '2001:DB8::0001',
    '::ffff:192.0.2.7',
  ])

  test.each([
    ['10.0.0.1', true],
    ['10.0.0.2', false],
    ['172.16.0.0', true],
    ['172.31.255.255', true],
    ['172.32.0.0', false],
    ['fd12:3456::1', true],
    ['fe80::1', false],
    ['2001:db8::1', true],
    ['192.0.2.7', true],
    ['local', false],
    ['', false],
  ])('hold %s: %s', (address, isTrusted) => {
    expect(proxies?.has(address)).toBe(isTrusted)
  })

  test('of a network are skipped in the list of forwarded addresses', () => {
    expect(forwardedPayer('9.9.9.9, 203.0.113.7, 172.20.4.5, [fd00::9]:443', '10.0.0.1', proxies)).toBe(
      '203.0.113.7',
    )
  })

  test('are none for an empty list', () => {
    expect(trustedProxies([])).toBeUndefined()
  })
})
