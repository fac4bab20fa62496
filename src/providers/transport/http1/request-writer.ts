import type { Socket } from 'node:net'
import { BrokerError } from '../../../base/errors.ts'
import type { UpstreamRequest } from '../upstream.ts'

const METHOD = /^[A-Z]+$/
const PATH = /^\/[\x21-\x7e]*$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** These say where a request ends and what becomes of the connection, which is ours to say. */
const OURS = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * The request up to its body, one character per byte. Throws `upstream-failed` for anything that would change what the
 * provider understands, a line break in a header above all; its message never shows a value, for that may be a key.
 */
export function requestHead(request: UpstreamRequest, host: string, prefix: string): string {
  const { body, method } = request
  const start = knownStart(request, host, prefix) ?? checkedStart(request, host, prefix)
  return body === undefined && method === 'GET'
    ? `${start}\r\n`
    : `${start}content-length: ${body === undefined ? 0 : Buffer.byteLength(body)}\r\n\r\n`
}

/** What was written for an array of headers, which a provider uses again and again: 1 µs per request. */
const STARTS = new WeakMap<readonly string[], KnownStart>()

interface KnownStart {
  readonly method: string
  readonly host: string
  readonly prefix: string
  readonly path: string
  readonly text: string
}

function knownStart(
  { method, headers, path }: UpstreamRequest,
  host: string,
  prefix: string,
): string | undefined {
  const known = STARTS.get(headers)
  const isSame =
    known?.path === path && known.host === host && known.prefix === prefix && known.method === method
  return isSame ? known.text : undefined
}

function checkedStart(request: UpstreamRequest, host: string, prefix: string): string {
  const { method, headers } = request
  const path = prefix + request.path
  if (!METHOD.test(method)) throw unsendable('its method is not a word')
  if (!PATH.test(path)) throw unsendable('its path holds a character that must be percent-encoded')
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`
  for (let at = 0; at < headers.length; at += 2) text += headerLine(headers[at], headers[at + 1])
  STARTS.set(headers, { method, host, prefix, path: request.path, text })
  return text
}

function headerLine(name: string | undefined, value: string | undefined): string {
  if (name === undefined || value === undefined) throw unsendable('a header lacks its value')
  if (!NAME.test(name)) throw unsendable('the name of a header holds a character that is not allowed')
  if (!VALUE.test(value)) throw unsendable(`header “${name}” holds a character that is not allowed`)
  if (OURS.has(name.toLowerCase())) throw unsendable(`header “${name}” can’t be set`)
  return `${name}: ${value}\r\n`
}

function unsendable(why: string): BrokerError {
  return new BrokerError('upstream-failed', `the request can’t be sent to the provider: ${why}`)
}

/** A small body goes out with its head in one write of one piece; beyond this the copy costs more than it saves. */
const MOST_JOINED_LENGTH = 128 * 1024

export function writeRequest(socket: Socket, head: string, body: string | Uint8Array | undefined): void {
  if (body === undefined) socket.write(head, 'latin1')
  else if (body.length > MOST_JOINED_LENGTH) {
    socket.cork()
    socket.write(head, 'latin1')
    socket.write(body)
    socket.uncork()
  } else if (isAscii(body)) socket.write(head + body, 'latin1')
  else socket.write(joinedBytes(head, typeof body === 'string' ? Buffer.from(body) : body))
}

/** Then it is bytes as it stands, as a head is. */
function isAscii(body: string | Uint8Array): body is string {
  return typeof body === 'string' && Buffer.byteLength(body) === body.length
}

function joinedBytes(head: string, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + body.length)
  bytes.write(head, 'latin1')
  bytes.set(body, head.length)
  return bytes
}
