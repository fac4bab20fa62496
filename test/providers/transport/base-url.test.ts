import { expect, test } from 'vitest'
import { hostOf, parseBaseUrl } from '../../../src/providers/transport/base-url.ts'

test.each([
  ['https://ada:s3cret@host/v1', 'keys belong in a key variable'],
  ['ftp://host/v1?key=s3cret', 'it ends with its path'],
  ['https://host/v1?key=s3cret', 'it ends with its path'],
  ['https://host/v1#s3cret', 'it ends with its path'],
  ['ada:s3cret@host/v1', 'it begins with “ada:”'],
])('%s is refused as a base URL, and no key in it is shown', (url, why) => {
  expect(() => parseBaseUrl(url)).toThrow(why)
  expect(() => parseBaseUrl(url)).not.toThrow('s3cret')
})

test.each([
  ['https://host:8/v1', 'host:8'],
  ['http+unix://%2Frun%2Fsome.sock/v1', '/run/some.sock'],
  ['https://host/v1?key=s3cret', 'https://host/v1?***'],
  ['http+unix://%ZZ/v1', 'http+unix://%ZZ/v1'],
  ['', ''],
])('the address of %s is shown as %s, be it a valid base URL or not', (url, host) => {
  expect(hostOf(url)).toBe(host)
})
