import { expect, test } from 'vitest'
import { shownUrl } from '../../src/base/redact-url.ts'

test.each([
  ['https://host:8080/v1', 'https://host:8080/v1'],
  ['groq.com', 'groq.com'],
  ['http+unix://%2Frun%2Fsome.sock/v1', 'http+unix://%2Frun%2Fsome.sock/v1'],
  ['ftp://ada:s3cret@host/v1', 'ftp://***@host/v1'],
  ['http://ada:s3@cret@/v1', 'http://***@/v1'],
  ['ada:s3cret@host/v1', '***@host/v1'],
  ['https://host/v1?key=s3cret#s3cret', 'https://host/v1?***'],
])('%s is shown as %s', (url, shown) => {
  expect(shownUrl(url)).toBe(shown)
})
