import { assert, ipV4, ipV6, oneof, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalAddress, forwardedPayer, isLoopback } from '../../src/auth/address.ts'

describe('the canonical form of an address', () => {
  test.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:0102:0304', '1.2.3.4'],
    ['fe80::1%eth0', 'fe80::1'],
    ['0400:0000:0000:0000:0000:0000:0000:0001', '400::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['1::', '1::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('of %s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical)
  })

  test.each(['', 'localhost', '1.2.3', '01.2.3.4', '1::2::3', '1.2.3.4%eth0', 'unknown', '%', '::1\n'])(
    'does not exist for “%s”',
    (text) => {
      expect(canonicalAddress(text)).toBeUndefined()
    },
  )

  test('is that of a URL parser, for any IPv6 address without an embedded IPv4 address', () => {
    assert(
      property(ipV6(), (text) => {
        const canonical = canonicalAddress(text)
        if (canonical?.includes('.') === true) return
        expect(`[${canonical}]`).toBe(new URL(`http://[${text}]`).hostname)
      }),
    )
  })

  test('is its own canonical form', () => {
    assert(
      property(oneof(ipV4(), ipV6()), (text) => {
        const canonical = canonicalAddress(text) ?? ''
        expect(canonicalAddress(canonical)).toBe(canonical)
      }),
    )
  })
})

describe('the payer of a forwarded request', () => {
  const proxies = new Set(['10.0.0.1', '10.0.0.2'])

  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:4711', '203.0.113.7'],
    ['[400::1]:443', '400::1'],
    ['0400::0001', '400::1'],
    ['9.9.9.9, 203.0.113.7', '203.0.113.7'],
    ['9.9.9.9,203.0.113.7,10.0.0.1 , 10.0.0.2', '203.0.113.7'],
    ['10.0.0.1, 10.0.0.2', '10.0.0.1'],
    ['9.9.9.9, unknown', 'local'],
    ['9.9.9.9, unix:', 'local'],
    ['9.9.9.9, unknown, 10.0.0.1', '10.0.0.1'],
    ['9.9.9.9,', 'local'],
    ['unknown, _hidden,,', 'local'],
    ['', 'local'],
  ])('of “%s” is %s', (list, payer) => {
    expect(forwardedPayer(list, 'local', proxies)).toBe(payer)
  })

  test('is the last address, whatever a caller writes before it', () => {
    assert(
      property(string(), oneof(ipV4(), ipV6()), (written, address) => {
        const payer = canonicalAddress(address)
        expect(forwardedPayer(`${written}, ${address}`, 'local', undefined)).toBe(payer)
      }),
    )
  })
})

test('127.0.0.0/8, ::1 and localhost are loopback, other addresses are not', () => {
  expect(
    ['127.0.0.1', '127.9.9.9', '::1', '0:0::1', '::ffff:127.0.0.1', 'localhost', '[::1]'].filter(
      (address) => !isLoopback(address),
    ),
  ).toEqual([])
  expect(
    ['0.0.0.0', '::', '10.0.0.1', '400::1', 'localhost.evil.example', '128.0.0.1', ''].filter(isLoopback),
  ).toEqual([])
})
