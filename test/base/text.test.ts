import { expect, test } from 'vitest'
import { jsonText, truncate, redactUrl } from '../../src/base/text.ts'

test('a name is shown whole up to 100 characters, and cut there when it is longer', () => {
  expect(truncate('x'.repeat(100))).toBe('x'.repeat(100))
  expect(truncate('x'.repeat(101))).toBe(`${'x'.repeat(100)}…`)
})

test.each([
  ['https://host:8080/v1', 'https://host:8080/v1'],
  ['groq.com', 'groq.com'],
  ['http+unix://%2Frun%2Fsome.sock/v1', 'http+unix://%2Frun%2Fsome.sock/v1'],
  ['ftp://ada:s3cret@host/v1', 'ftp://***@host/v1'],
  ['http://ada:s3@cret@/v1', 'http://***@/v1'],
  ['ada:s3cret@host/v1', '***@host/v1'],
  ['https://host/v1?key=s3cret#s3cret', 'https://host/v1?***'],
])('the URL %s is shown as %s', (url, shown) => {
  expect(redactUrl(url)).toBe(shown)
})

test.each(['', 'plain', 'a "quote"', 'back\\slash', 'line\nbreak', 'ü€😀', '\u2028\ud800'])(
  '%j becomes the text that JSON.stringify gives',
  (text) => {
    expect(jsonText(text)).toBe(JSON.stringify(text))
  },
)
