import { expect, test } from 'vitest'
import { parseBaseUrl } from '../../src/providers/base-url.ts'

test.each([
  ['https://ada:s3cret@host/v1', 'keys belong in a key variable'],
  ['ftp://host/v1?key=s3cret', 'it ends with its path'],
  ['https://host/v1?key=s3cret', 'it ends with its path'],
  ['https://host/v1#s3cret', 'it ends with its path'],
  ['ada:s3cret@host/v1', 'it begins with “ada:”'],
])('%s is no base URL, and no key in it is shown', (url, why) => {
  expect(() => parseBaseUrl(url)).toThrow(why)
  expect(() => parseBaseUrl(url)).not.toThrow('s3cret')
})
