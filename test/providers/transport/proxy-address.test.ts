import { expect, test } from 'vitest'
import { parseBaseUrl } from '../../../src/providers/transport/base-url.ts'
import { proxyFor } from '../../../src/providers/transport/proxy/proxy-address.ts'

const settings = { http: 'http://plain:3128', https: 'https://ann:p%40ss@secure', noProxy: undefined }

test.each<[string, string, string | undefined, string | undefined]>([
  ['https://api.example.com/v1', '', undefined, 'https://secure'],
  ['http://api.example.com/v1', '', undefined, 'http://plain:3128'],
  ['https://api.example.com/v1', '*', undefined, undefined],
  ['https://api.example.com/v1', 'example.com', undefined, undefined],
  ['https://api.example.com/v1', '.example.com', undefined, undefined],
  ['https://api.example.com/v1', '*.example.com', undefined, undefined],
  ['https://notexample.com/v1', 'example.com', undefined, 'https://secure'],
  ['https://api.example.com/v1', 'foo, API.example.com bar', undefined, undefined],
  ['https://api.example.com/v1', 'api.example.com:443', undefined, undefined],
  ['https://api.example.com:8443/v1', 'api.example.com:443', undefined, 'https://secure'],
  ['https://10.1.2.3/v1', '10.0.0.0/8', undefined, undefined],
  ['https://11.1.2.3/v1', '10.0.0.0/8,10.0.0.0/99,x/8', undefined, 'https://secure'],
  ['https://[fd00::1]/v1', 'fd00::/8', undefined, undefined],
  ['https://[fd00::1]/v1', '[fd00::1]', undefined, undefined],
  ['http://localhost:11434/v1', '', undefined, undefined],
  ['http://127.0.0.1:11434/v1', '', 'http://own:1', 'http://own:1'],
  ['https://api.example.com/v1', '*', 'http://own:1', 'http://own:1'],
  ['https://api.example.com/v1', '', 'direct', undefined],
  ['http+unix://%2Frun%2Fx.sock/v1', '', 'http://own:1', undefined],
])('%s with NO_PROXY=%j and its own setting %j goes through %j', (base, noProxy, own, expected) => {
  expect(proxyFor(parseBaseUrl(base), { ...settings, noProxy }, own)?.shown).toBe(expected)
})

test('credentials are decoded, and shown nowhere', () => {
  const proxy = proxyFor(parseBaseUrl('https://api.example.com/v1'), settings)
  expect(proxy?.authorization?.reveal()).toBe(`Basic ${Buffer.from('ann:p@ss').toString('base64')}`)
  expect(JSON.stringify(proxy)).not.toContain('ss@')
  expect(proxy).toMatchObject({ host: 'secure', port: 443, isTls: true })
})
