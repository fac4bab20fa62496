import { READ_HEADERS, type UpstreamHeaders } from '../upstream.ts'

/** How the end of a body is told (RFC 9112, 6.3); a number is its length in bytes. */
export type BodyEnd = number | 'chunked' | 'close'

export interface ResponseHead {
  readonly status: number
  readonly headers: UpstreamHeaders
  readonly bodyEnd: BodyEnd
  /** For how long the connection may be kept when the body is read; 0 when it may not. */
  readonly keepMs: number
}

/** What the provider sent is not HTTP/1.1; reading on would mean guessing where an answer ends. */
export class BrokenResponse extends Error {}

/** No provider is known to send a tenth of it. */
export const MOST_HEAD_BYTES = 32 * 1024

const MOST_HEADERS = 256

/** Kept for less than most servers allow (Node 5 s, nginx 75 s, Go for ever) is said by `Keep-Alive`; kept for longer is of no use. */
const MOST_KEEP_MS = 30_000

/** The server counts from when it sent its answer, and our next request needs its time, too. */
const KEEP_MARGIN_MS = 1000

/**
 * RFC 9112, 4 and 5, with CRLF only: no bare LF, no space before a colon, no folded lines. The space after the status may
 * be missing, for some servers leave it out and nothing can be mistaken.
 */
const STATUS_LINE = /^HTTP\/1\.[01] [1-9]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?(?=\r\n|$)/
const HEADER_LINES = /^(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*)*$/

/** Reads a head without the empty line at its end, one character per byte. Throws `BrokenResponse`. */
export function parseHead(text: string): ResponseHead {
  const statusLine = STATUS_LINE.exec(text)?.[0]
  if (statusLine === undefined) throw new BrokenResponse('its status line is not HTTP/1.1')
  const lines = text.slice(statusLine.length)
  if (!HEADER_LINES.test(lines)) throw new BrokenResponse('a header line breaks the rules')
  const status = Number(statusLine.slice(9, 12))
  const headers = readHeaders(lines)
  const isOld = statusLine.startsWith('HTTP/1.0')
  const bodyEnd = bodyEndOf(status, headers, isOld)
  return { status, headers, bodyEnd, keepMs: isOld || bodyEnd === 'close' ? 0 : keepMsOf(headers) }
}

const FRAMING = ['connection', 'content-length', 'keep-alive', 'transfer-encoding'] as const

type Name = (typeof READ_HEADERS)[number] | (typeof FRAMING)[number]
type Headers = Partial<Record<Name, string | string[]>>

const NAMES: ReadonlyMap<string, Name> = new Map([...READ_HEADERS, ...FRAMING].map((name) => [name, name]))
const LENGTHS: ReadonlySet<number> = new Set([...NAMES.keys()].map(({ length }) => length))

/** Providers send two dozen headers, of which a few mean something to us: 3 instead of 6 µs for what OpenAI sends. */
function readHeaders(lines: string): Headers {
  const headers: Headers = {}
  let count = 0
  for (let at = 2; at < lines.length;) {
    if (++count > MOST_HEADERS) throw new BrokenResponse(`it has more than ${MOST_HEADERS} headers`)
    const colon = lines.indexOf(':', at)
    const found = lines.indexOf('\r\n', colon)
    const end = found === -1 ? lines.length : found
    const name = LENGTHS.has(colon - at) ? NAMES.get(lines.slice(at, colon).toLowerCase()) : undefined
    if (name !== undefined) add(headers, name, trimmed(lines, colon + 1, end))
    at = end + 2
  }
  return headers
}

function add(headers: Headers, name: Name, value: string): void {
  const before = headers[name]
  if (before === undefined) headers[name] = value
  else if (typeof before === 'string') headers[name] = [before, value]
  else before.push(value)
}

/** Takes spaces and tabs off both ends; `trim` would take more. */
function trimmed(text: string, from: number, to: number): string {
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (from < to && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Two lengths that could be believed are how answers get mixed up, so there may be only one. */
function bodyEndOf(status: number, headers: Headers, isOld: boolean): BodyEnd {
  const coding = headers['transfer-encoding']
  const length = headers['content-length']
  if (coding !== undefined && length !== undefined)
    throw new BrokenResponse('it has both Content-Length and Transfer-Encoding')
  if (coding !== undefined && (isOld || typeof coding !== 'string' || coding.toLowerCase() !== 'chunked'))
    throw new BrokenResponse('its Transfer-Encoding is something other than chunked')
  if (length !== undefined && (typeof length !== 'string' || !/^\d{1,15}$/.test(length)))
    throw new BrokenResponse('its Content-Length is no number, or there are several')
  if (status < 200 || status === 204 || status === 304) return 0
  if (coding !== undefined) return 'chunked'
  return length === undefined ? 'close' : Number(length)
}

function keepMsOf(headers: Headers): number {
  const connection = headers['connection']
  if (
    connection !== undefined &&
    connection !== 'keep-alive' &&
    /(?:^|[\s,])close(?:$|[\s,])/i.test(String(connection))
  )
    return 0
  const keepAlive = headers['keep-alive']
  if (keepAlive === undefined) return MOST_KEEP_MS
  const seconds = /(?:^|[\s,])timeout\s*=\s*"?(\d{1,9})/i.exec(String(keepAlive))?.[1]
  if (seconds === undefined) return MOST_KEEP_MS
  return Math.min(MOST_KEEP_MS, Math.max(0, Number(seconds) * 1000 - KEEP_MARGIN_MS))
}
