import fc from 'fast-check'
import { READ_HEADERS } from '../../../../src/providers/transport/upstream.ts'

export interface ValidResponse {
  readonly bytes: Buffer
  readonly status: number
  readonly body: Buffer
  /** The headers that the client reads, by their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly ending: Ending
}

/** How the end of the body is marked. */
export type Ending = 'sized' | 'chunked' | 'close' | 'none'

const anyName = fc
  .stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/)
  .filter(
    (text) =>
      !/^(connection|content-length|transfer-encoding|keep-alive|upgrade|trailer|te|__proto__)$/i.test(text),
  )
const name = fc.oneof(
  anyName,
  fc.constantFrom(...READ_HEADERS, 'Content-Type', 'RETRY-AFTER', 'Content-encoding', 'Date'),
)
const value = fc.stringMatching(/^[!-~\xa1-\xff]([ \t!-~\xa1-\xff]{0,30}[!-~\xa1-\xff])?$/)
const blank = fc.stringMatching(/^[ \t]{0,3}$/)

/** Any response that RFC 9112 allows and whose end is unambiguous. */
export function validResponse({
  endings = ['sized', 'chunked', 'close', 'none'] as readonly Ending[],
} = {}): fc.Arbitrary<ValidResponse> {
  return fc
    .record({
      status: fc.constantFrom(200, 201, 400, 404, 429, 500, 529, 599),
      reason: fc.constantFrom('', 'OK', 'So what \xe4'),
      headers: fc.uniqueArray(fc.record({ name, value, before: blank, after: blank }), {
        maxLength: 8,
        selector: (header) => header.name.toLowerCase(),
      }),
      body: fc.uint8Array({ maxLength: 300 }),
      sizes: fc.infiniteStream(fc.integer({ min: 1, max: 60 })),
      isUpper: fc.boolean(),
      extension: fc.constantFrom('', ';a', ';a=b;c="d"'),
      trailer: fc.constantFrom('', 'X-Trailer: 1\r\n'),
      interim: fc.constantFrom('', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'),
      ending: fc.constantFrom(...endings),
    })
    .map(({ status, reason, headers, body, sizes, isUpper, extension, trailer, interim, ending }) => {
      const cased = (text: string) => (isUpper ? text.toUpperCase() : text)
      const framing = {
        sized: `${cased('Content-Length')}: ${body.length}\r\n`,
        chunked: `${cased('Transfer-Encoding')}: ${cased('chunked')}\r\n`,
        close: '',
        none: '',
      }[ending]
      const lines = headers
        .map((header) => `${header.name}:${header.before}${header.value}${header.after}\r\n`)
        .join('')
      const head = `${interim}HTTP/1.1 ${ending === 'none' ? 204 : status} ${reason}\r\n${lines}${framing}\r\n`
      const content = ending === 'none' ? Buffer.alloc(0) : Buffer.from(body)
      const pieces = cutBytes(content, sizes).map((piece) => {
        const size = `${cased(piece.length.toString(16))}${extension}\r\n`
        return Buffer.concat([Buffer.from(size), piece, Buffer.from('\r\n')])
      })
      const framed =
        ending === 'chunked' ? Buffer.concat([...pieces, Buffer.from(`0\r\n${trailer}\r\n`)]) : content
      return {
        bytes: Buffer.concat([Buffer.from(head, 'latin1'), framed]),
        status: ending === 'none' ? 204 : status,
        body: content,
        headers: Object.fromEntries(headers.flatMap(readOf)),
        ending,
      }
    })
}

/** The bytes in pieces of these sizes. */
export function cutBytes(bytes: Buffer, sizes: Iterable<number>): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    if (at >= bytes.length) break
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

function readOf({ name, value }: { name: string; value: string }): [string, string][] {
  const lower = name.toLowerCase()
  return READ_HEADERS.some((read) => read === lower) ? [[lower, value]] : []
}
