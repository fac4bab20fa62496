import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BrokenResponse, type ResponseHead } from '../../../../src/providers/transport/http1/response-head.ts'
import { ResponseReader } from '../../../../src/providers/transport/http1/response-reader.ts'
import { cutBytes, validResponse } from './valid-response.ts'

interface Read {
  heads: ResponseHead[]
  body: string
  /** Bytes that belong to no response. */
  extra: number
  isDone: boolean
  isEndless: boolean
}

/** Feeds pieces as a socket does: into one reused buffer, with older bytes behind the new ones. */
function read(pieces: readonly Buffer[]): Read {
  const result: Read = { heads: [], body: '', extra: 0, isDone: false, isEndless: false }
  const reader = new ResponseReader({
    onHead: (head) => void result.heads.push(head),
    onPiece(bytes) {
      result.body += bytes.toString('latin1')
      return true
    },
  })
  const buffer = Buffer.alloc(128 * 1024, '\r\n\r\n0\r\n\r\n')
  reader.begin()
  for (const piece of pieces) {
    piece.copy(buffer)
    result.extra += piece.length - reader.read(buffer, piece.length)
  }
  result.isDone = reader.isDone
  result.isEndless = reader.isEndless
  return result
}

function readText(text: string): Read {
  return read([Buffer.from(text, 'latin1')])
}

function readBytewise(text: string): Read {
  return read([...Buffer.from(text, 'latin1')].map((byte) => Buffer.from([byte])))
}

const OK = 'HTTP/1.1 200 OK\r\n'

describe('a response', () => {
  test('is the same response wherever its bytes are cut', () => {
    fc.assert(
      fc.property(
        validResponse(),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        ({ bytes, body }, sizes) => {
          const whole = read([bytes])
          expect(whole.body).toBe(body.toString('latin1'))
          expect(whole.isDone || whole.isEndless).toBe(true)
          expect(whole.extra).toBe(0)
          expect(read(cutBytes(bytes, sizes))).toEqual(whole)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('reports how many bytes follow it', () => {
    fc.assert(
      fc.property(
        validResponse({ endings: ['sized', 'chunked', 'none'] }),
        fc.uint8Array({ minLength: 1 }),
        (valid, rest) => {
          const { extra, body } = read([Buffer.concat([valid.bytes, rest])])
          expect({ extra, body }).toEqual({ extra: rest.length, body: valid.body.toString('latin1') })
        },
      ),
    )
  })

  test('is never complete when bytes are missing', () => {
    fc.assert(
      fc.property(validResponse({ endings: ['sized', 'chunked'] }), fc.nat(), ({ bytes }, at) => {
        expect(read([bytes.subarray(0, at % bytes.length)]).isDone).toBe(false)
      }),
    )
  })

  test('is read or refused, and nothing else, when its bytes are changed at random', () => {
    const change = fc.record({
      at: fc.nat(),
      byte: fc.integer({ min: 0, max: 255 }),
      kind: fc.constantFrom('set', 'cut', 'add'),
    })
    fc.assert(
      fc.property(
        validResponse(),
        fc.array(change, { minLength: 1, maxLength: 5 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 64 })),
        ({ bytes }, changes, sizes) => {
          let changed = [...bytes]
          for (const { at, byte, kind } of changes) {
            const place = at % (changed.length + 1)
            if (kind === 'set') changed[place] = byte
            else if (kind === 'cut') changed = changed.slice(0, place)
            else changed.splice(place, 0, byte)
          }
          const outcome = (pieces: Buffer[]) => {
            try {
              return read(pieces)
            } catch (error) {
              if (!(error instanceof BrokenResponse)) throw error
              return 'refused'
            }
          }
          const whole = outcome([Buffer.from(changed)])
          const cut = outcome(cutBytes(Buffer.from(changed), sizes))
          // In pieces it may be refused sooner: at a bare LF before its head is complete.
          const isSame = cut === 'refused' || whole === 'refused' || cut.body === whole.body
          expect(isSame).toBe(true)
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('a response head', () => {
  test('has lower-case names, values without blanks around them, and lists of what came twice', () => {
    const { heads } = readText(
      `${OK}Content-TYPE:\t a b \t\r\nRetry-After: 1\r\nretry-after:2\r\nRETRY-AFTER: 3\r\ndate:\r\n\r\n`,
    )
    expect(heads[0]?.status).toBe(200)
    expect(heads[0]?.headers).toEqual({ 'content-type': 'a b', 'retry-after': ['1', '2', '3'], date: '' })
  })

  test('has only those headers that are read here', () => {
    const { heads } = readText(`${OK}__proto__: x\r\nX-A: 1\r\ncontent-typo: a\r\nDate: now\r\n\r\n`)
    expect(heads[0]?.headers).toEqual({ date: 'now' })
  })

  test.each([
    ['neither Connection nor Keep-Alive', '', 30_000],
    ['Connection: close', 'Connection: close\r\n', 0],
    ['close among other options', 'Connection: foo, Close\r\n', 0],
    ['close in a second header', 'Connection: foo\r\nConnection: close\r\n', 0],
    ['an option that begins with close', 'Connection: closed\r\n', 30_000],
    ['Keep-Alive', 'Keep-Alive: timeout=5, max=100\r\n', 4000],
    ['a Keep-Alive that is too short to be used', 'Keep-Alive: timeout=1\r\n', 0],
    ['a Keep-Alive that is longer than ours', 'Keep-Alive: max=3, timeout=600\r\n', 30_000],
  ])('with %s keeps the connection for the right time', (_name, line, keepMs) => {
    expect(readText(`${OK}${line}content-length: 0\r\n\r\n`).heads[0]?.keepMs).toBe(keepMs)
  })

  test('of HTTP/1.0 does not keep the connection', () => {
    const text = 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi'
    expect(readText(text)).toMatchObject({ body: 'hi', isDone: true, heads: [{ keepMs: 0 }] })
  })

  test('is read without a reason phrase, and without the space before it', () => {
    expect(readText('HTTP/1.1 204 \r\n\r\n').heads[0]?.status).toBe(204)
    expect(readText('HTTP/1.1 204\r\n\r\n').heads[0]?.status).toBe(204)
  })

  test.each(['204 No Content', '304 Not Modified'])(
    'of %s has no body, whatever its content-length',
    (status) => {
      expect(readText(`HTTP/1.1 ${status}\r\ncontent-length: 5\r\n\r\n`).isDone).toBe(true)
      expect(readText(`HTTP/1.1 ${status}\r\n\r\nhello`)).toMatchObject({ isDone: true, extra: 5, body: '' })
    },
  )

  test('of an interim response is skipped', () => {
    const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'
    const { heads, body } = readBytewise(`${interim}${OK}content-length: 2\r\n\r\nhi`)
    expect(heads.map(({ status }) => status)).toEqual([200])
    expect(body).toBe('hi')
  })
})

const chunked = `${OK}transfer-encoding: chunked\r\n\r\n`

test('chunk extensions, trailers and leading zeros in chunk sizes are skipped', () => {
  const body = '000A;name=v;q="x"\r\n0123456789\r\n1 ;a\r\nx\r\n0;last\r\nExpires: never\r\nX: y\r\n\r\n'
  const found = { body: '0123456789x', isDone: true, extra: 0 }
  expect(readText(chunked + body)).toMatchObject(found)
  expect(readBytewise(chunked + body)).toMatchObject(found)
})

describe.each([
  ['at once', readText],
  ['byte by byte', readBytewise],
])('a response that comes %s is refused', (_how, read) => {
  test.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['HTML without a head', '<html>busy</html>\r\n\r\n'],
    ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
    ['two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
    ['an empty line in front', `\r\n${OK}\r\n`],
    ['lower-case http', 'http/1.1 200 OK\r\n\r\n'],
    ['a control character in the reason', 'HTTP/1.1 200 O\x01K\r\n\r\n'],
    ['lines with a bare LF', 'HTTP/1.1 200 OK\nx: y\n\n\r\n\r\n'],
    ['one line with a bare LF', `${OK}x: y\nz: a\r\n\r\n`],
    ['a bare CR', `${OK}x: y\rz: a\r\n\r\n`],
    ['a NUL', `${OK}x: y\0z\r\n\r\n`],
    ['a folded line', `${OK}x: y\r\n z\r\n\r\n`],
    ['a space before the colon', `${OK}content-length : 5\r\n\r\nhello`],
    ['a space in front of a name', `HTTP/1.1 200 OK\r\n x: y\r\n\r\n`],
    ['a header without a colon', `${OK}nonsense\r\n\r\n`],
    ['a header without a name', `${OK}: y\r\n\r\n`],
    ['a name with a foreign character', `${OK}na\xefve: y\r\n\r\n`],
    ['two lengths', `${OK}content-length: 5\r\ncontent-length: 6\r\n\r\nhello`],
    ['the same length twice', `${OK}content-length: 5\r\ncontent-length: 5\r\n\r\nhello`],
    ['a list of lengths', `${OK}content-length: 5, 5\r\n\r\nhello`],
    ['a negative length', `${OK}content-length: -1\r\n\r\n`],
    ['a length with a sign', `${OK}content-length: +5\r\n\r\nhello`],
    ['a hexadecimal length', `${OK}content-length: 0x5\r\n\r\nhello`],
    ['an empty length', `${OK}content-length:\r\n\r\n`],
    ['a length no number can hold', `${OK}content-length: 99999999999999999999\r\n\r\n`],
    ['a length and chunks', `${OK}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['an unknown coding', `${OK}transfer-encoding: gzip\r\n\r\n`],
    ['two codings', `${OK}transfer-encoding: gzip, chunked\r\n\r\n`],
    ['chunked twice', `${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n`],
    ['a disguised coding', `${OK}transfer-encoding: \x0bchunked\r\n\r\n`],
    ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a change of protocol', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'],
    ['too many interim responses', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(17)],
    ['too many headers', `${OK}${'a: b\r\n'.repeat(257)}\r\n`],
    ['too large a head', `${OK}a: ${'b'.repeat(33_000)}\r\n\r\n`],
    ['too large a head that never ends', `${OK}a: ${'b'.repeat(33_000)}`],
    ['a chunk without a size', `${chunked}\r\nhello\r\n`],
    ['a chunk with a foreign size', `${chunked}5g\r\nhello\r\n`],
    ['a chunk with a negative size', `${chunked}-5\r\nhello\r\n`],
    ['a chunk with 0x in front', `${chunked}0x5\r\nhello\r\n`],
    ['a space before the size', `${chunked} 5\r\nhello\r\n`],
    ['a space after the size', `${chunked}5 \r\nhello\r\n`],
    ['an underscore in the size', `${chunked}1_0\r\n`],
    ['a size with a bare LF', `${chunked}5\nhello\r\n`],
    ['a size with a bare CR', `${chunked}5\rhello\r\n`],
    ['a chunk that is longer than its size', `${chunked}5\r\nhello!\r\n`],
    ['a chunk without CRLF behind it', `${chunked}5\r\nhello5\r\n`],
    ['a chunk with LF behind it', `${chunked}5\r\nhello\n0\r\n\r\n`],
    ['a chunk of terabytes', `${chunked}fffffffffff\r\n`],
    ['a size with too many digits', `${chunked}${'0'.repeat(17)}5\r\n`],
    ['too long an extension', `${chunked}5;${'a'.repeat(300)}\r\n`],
    ['an extension with a LF inside', `${chunked}5;a\nb\r\nhello\r\n`],
    ['trailers without end', `${chunked}0\r\n${'a: b\r\n'.repeat(4000)}\r\n`],
    ['a trailer with a LF inside', `${chunked}0\r\na: b\nc: d\r\n\r\n`],
  ])('with %s', (_name, text) => {
    expect(() => read(text)).toThrow(BrokenResponse)
  })
})
