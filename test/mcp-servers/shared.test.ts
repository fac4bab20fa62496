import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { Secret } from '../../src/base/secret.ts'
import { ToolFailure } from '../../src/mcp-servers/shared/tool-failure.ts'
import { createKeyPool, keysFrom } from '../../src/mcp-servers/shared/key-pool.ts'
import { redactor } from '../../src/mcp-servers/shared/http/redact.ts'
import { creditPrice } from '../../src/mcp-servers/shared/cost.ts'
import { targetUrl } from '../../src/mcp-servers/shared/http/target-url.ts'
import { capJson, clean, cut } from '../../src/mcp-servers/shared/text.ts'

describe('text from outside', () => {
  test('is cleaned of control and invisible characters and nothing else', () => {
    expect(clean('a\u0000b\u200bc\u202ed\ufeff\u{e0041}\ttab\r\nnew ünïcode 漢字 👍🏽')).toBe(
      'abcd\ttab\nnew ünïcode 漢字 👍🏽',
    )
  })

  test('is truncated at a paragraph where one is near, with truncated set', () => {
    const text = `${'a'.repeat(90)}\n\n${'b'.repeat(90)}`
    expect(cut(text, 100)).toEqual({ text: 'a'.repeat(90), truncated: true, totalChars: 182 })
    expect(cut('short', 100)).toEqual({ text: 'short', truncated: false, totalChars: 5 })
  })

  test('truncated anywhere is a prefix within the limit that splits no character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.integer({ min: 1, max: 200 }),
        (text, max) => {
          const kept = cut(text, max)
          expect(kept.text.length).toBeLessThanOrEqual(max)
          expect(text.toWellFormed().startsWith(kept.text)).toBe(true)
          expect(kept.truncated).toBe(text.length > max)
        },
      ),
    )
  })

  test('is truncated in a JSON value to about the limit', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 10, max: 2000 }), (value, max) => {
        const { value: kept, truncated } = capJson(value, max)
        if (truncated) expect(JSON.stringify(kept).length).toBeLessThan(max * 8 + 200)
        else expect(kept).toEqual(value)
      }),
    )
    expect(
      capJson(
        Array.from({ length: 1000 }, () => ({ title: 'x'.repeat(50) })),
        1000,
      ),
    ).toMatchObject({ truncated: true })
  })
})

describe('the keys of a vendor', () => {
  test('are read from the plural and the singular variable, without duplicates', () => {
    const keys = keysFrom({ A_KEYS: ' one, two ,,one', A_KEY: 'three' }, ['A_KEYS', 'A_KEY'])
    expect(keys.map((key) => key.reveal())).toEqual(['one', 'two', 'three'])
  })

  test('cool down for as long as the vendor states, then are used again', () => {
    const clock = { time: 0, now: () => 0, monotonic: () => clock.time, after: () => () => {} }
    const [one, two] = [new Secret('one'), new Secret('two')]
    const pool = createKeyPool([one, two], 'A_KEYS', clock)
    expect(pool.acquire()).toBe(one)
    pool.coolDown(one, new ToolFailure('rate_limit', 'slow', { retryAfterSeconds: 5 }))
    expect(pool.acquire()).toBe(two)
    pool.coolDown(two, new ToolFailure('quota', 'empty'))
    expect(pool.availableInMs()).toBe(5_000)
    expect(() => pool.acquire()).toThrow('slow')
    clock.time = 5_000
    expect(pool.acquire()).toBe(one)
    clock.time = 60_000
    pool.coolDown(one, new ToolFailure('auth', 'wrong'))
    expect(pool.acquire()).toBe(two)
  })

  test('are redacted in any text, in every encoding used in URLs and headers', () => {
    const secret = 'k+/=ü 9&x'
    const redact = redactor([new Secret(secret)])
    const forms = [
      secret,
      encodeURIComponent(secret),
      encodeURIComponent(encodeURIComponent(secret)),
      encodeURIComponent(secret).toLowerCase(),
    ]
    for (const form of forms) expect(redact(`before ${form} after`)).toBe('before *** after')
  })
})

test('a cost in dollars is exactly credits times the operator’s price, and unknown without one', () => {
  expect(creditPrice({ P: '0.0003' }, 'P')(3)).toBe(0.0009)
  expect(creditPrice({ P: '0.0003' }, 'P')(undefined)).toBeUndefined()
  expect(creditPrice({}, 'P')(3)).toBeUndefined()
})

describe('the address of a page to read', () => {
  test.each([
    'https://example.org/a?b=c',
    'http://93.184.216.34/',
    'https://sub.example.co.uk:8443/x',
    'https://[2606:4700::1111]/',
  ])('may be %s', (url) => {
    expect(targetUrl.safeParse(url).success).toBe(true)
  })

  test.each([
    'ftp://example.org/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'not a url',
    'https://user:pass@example.org/',
    'http://localhost/',
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://10.1.2.3/',
    'http://172.16.0.1/',
    'http://192.168.1.1/',
    'http://169.254.169.254/latest/meta-data',
    'http://100.64.0.1/',
    'http://0.0.0.0/',
    'http://[::1]/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://intranet/',
    'http://printer.local/',
    'http://db.internal./',
    `https://example.org/${'a'.repeat(9000)}`,
  ])('is never %s', (url) => {
    expect(targetUrl.safeParse(url).success).toBe(false)
  })
})
