import { LIMIT_HEADERS, READ_HEADERS, type UpstreamHeaders } from '../upstream.ts'

/** How the end of a body is marked (RFC 9112, 6.3); a number is its length in bytes. */
export type BodyEnd = number | 'chunked' | 'close'

export interface ResponseHead {
  readonly status: number
  readonly headers: UpstreamHeaders
  readonly bodyEnd: BodyEnd
  /** How long the connection may be kept after the body was read; 0 when it must be closed. */
  readonly keepMs: number
}

/** What the provider sent is not HTTP/1.1; reading on would mean guessing where a response ends. */
export class BrokenResponse extends Error {}

/** No provider is known to send a tenth of this. */
export const MAX_HEAD_BYTES = 32 * 1024

const MAX_HEADERS = 256

/** Most servers keep connections for longer (nginx 75 s, Go for ever); those that keep them for less (Node 5 s) say so in `Keep-Alive`. */
const MAX_KEEP_MS = 30_000

/** The server counts from when it sent its response, and our next request needs time to arrive. */
const KEEP_MARGIN_MS = 1000

/**
 * RFC 9112, 4 and 5, with CRLF only: no bare LF, no space before a colon, no folded lines. The space after the status may
 * be missing: some servers leave it out, and nothing is ambiguous without it.
 */
const STATUS_LINE = /^HTTP\/1\.[01] [1-9]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?(?=\r\n|$)/
const HEADER_LINES = /^(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*)*$/

/** Parses a response head without the empty line at its end, one character per byte. Throws `BrokenResponse`. */
export function parseHead(text: string): ResponseHead {
  const statusLine = STATUS_LINE.exec(text)?.[0]
  if (statusLine === undefined) throw new BrokenResponse('its status line is not HTTP/1.1')
  const lines = text.slice(statusLine.length)
  if (!HEADER_LINES.test(lines)) throw new BrokenResponse('a header line breaks the rules')
  const status = Number(statusLine.slice(9, 12))
  const headers = readHeaders(lines, status < 400 ? USUAL : OF_FAILURES)
  const isHttp10 = statusLine.startsWith('HTTP/1.0')
  const bodyEnd = bodyEndOf(status, headers, isHttp10)
  return { status, headers, bodyEnd, keepMs: isHttp10 || bodyEnd === 'close' ? 0 : keepMsOf(headers) }
}

const FRAMING = ['connection', 'content-length', 'keep-alive', 'transfer-encoding'] as const

type Name = keyof UpstreamHeaders | (typeof FRAMING)[number]
type Headers = Partial<Record<Name, string | string[]>>

/** The headers that are kept, with their lengths, by which most others are skipped without a look at their name. */
interface KeptHeaders {
  readonly names: ReadonlyMap<string, Name>
  readonly lengths: ReadonlySet<number>
}

const USUAL = keep([...READ_HEADERS, ...FRAMING])
const OF_FAILURES = keep([...READ_HEADERS, ...FRAMING, ...LIMIT_HEADERS])

function keep(names: readonly Name[]): KeptHeaders {
  return {
    names: new Map(names.map((name) => [name, name])),
    lengths: new Set(names.map(({ length }) => length)),
  }
}

/** Providers send two dozen headers, of which we read a few: skipping the others takes 3 instead of 6 µs for OpenAI's. */
function readHeaders(lines: string, { names, lengths }: KeptHeaders): Headers {
  const headers: Headers = {}
  let count = 0
  for (let at = 2; at < lines.length;) {
    if (++count > MAX_HEADERS) throw new BrokenResponse(`it has more than ${MAX_HEADERS} headers`)
    const colon = lines.indexOf(':', at)
    const found = lines.indexOf('\r\n', colon)
    const end = found === -1 ? lines.length : found
    const name = lengths.has(colon - at) ? names.get(lines.slice(at, colon).toLowerCase()) : undefined
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

/** Removes spaces and tabs from both ends; `trim` would remove more. */
function trimmed(text: string, from: number, to: number): string {
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (from < to && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** A response with two lengths could be split in two ways (response smuggling), so only one length is allowed. */
function bodyEndOf(status: number, headers: Headers, isHttp10: boolean): BodyEnd {
  const coding = headers['transfer-encoding']
  const length = headers['content-length']
  if (coding !== undefined && length !== undefined)
    throw new BrokenResponse('it has both Content-Length and Transfer-Encoding')
  if (coding !== undefined && (isHttp10 || typeof coding !== 'string' || coding.toLowerCase() !== 'chunked'))
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
  if (keepAlive === undefined) return MAX_KEEP_MS
  const seconds = /(?:^|[\s,])timeout\s*=\s*"?(\d{1,9})/i.exec(String(keepAlive))?.[1]
  if (seconds === undefined) return MAX_KEEP_MS
  return Math.min(MAX_KEEP_MS, Math.max(0, Number(seconds) * 1000 - KEEP_MARGIN_MS))
}
