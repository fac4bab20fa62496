import type { Socket } from 'node:net'
import { BrokerError } from '../../../base/errors.ts'
import { isStreamed, type StreamedBody } from '../../streamed-body.ts'
import type { UpstreamRequest } from '../upstream.ts'
import type { Connector } from './connect.ts'

const METHOD = /^[A-Z]+$/
const PATH = /^\/[\x21-\x7e]*$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Headers that this client writes itself: they say where a request ends and what happens to the connection. */
const RESERVED = new Set([
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

/** Where requests go: see `Connector`. */
export type RequestTarget = Pick<Connector, 'host' | 'forwardedOrigin' | 'proxyLines'>

/**
 * The request up to its body, one character per byte. Throws `upstream-failed` for anything that would change how the
 * provider parses the request, above all a line break in a header. The message never shows a value, which may be a key.
 */
export function requestHead(request: UpstreamRequest, target: RequestTarget, prefix: string): string {
  const { body, method } = request
  const start = knownStart(request, target.host, prefix) ?? checkedStart(request, target, prefix)
  return body === undefined && method === 'GET'
    ? `${start}\r\n`
    : `${start}content-length: ${lengthOf(body)}\r\n\r\n`
}

function lengthOf(body: UpstreamRequest['body']): number {
  if (body === undefined) return 0
  return isStreamed(body) ? body.byteLength : Buffer.byteLength(body)
}

/** The text written for an array of headers. A provider reuses its array, which saves 1 µs per request. */
const KNOWN_STARTS = new WeakMap<readonly string[], KnownStart>()

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
  const known = KNOWN_STARTS.get(headers)
  const isSame =
    known?.path === path && known.host === host && known.prefix === prefix && known.method === method
  return isSame ? known.text : undefined
}

function checkedStart(request: UpstreamRequest, target: RequestTarget, prefix: string): string {
  const { method, headers } = request
  const { host, forwardedOrigin, proxyLines } = target
  const path = prefix + request.path
  if (!METHOD.test(method)) throw unsendable('its method is not a word')
  if (!PATH.test(path)) throw unsendable('its path holds a character that must be percent-encoded')
  let text = `${method} ${forwardedOrigin}${path} HTTP/1.1\r\nhost: ${host}\r\n${proxyLines}`
  for (let at = 0; at < headers.length; at += 2) text += headerLine(headers[at], headers[at + 1])
  KNOWN_STARTS.set(headers, { method, host, prefix, path: request.path, text })
  return text
}

function headerLine(name: string | undefined, value: string | undefined): string {
  if (name === undefined || value === undefined) throw unsendable('a header lacks its value')
  if (!NAME.test(name)) throw unsendable('the name of a header holds a character that is not allowed')
  if (!VALUE.test(value)) throw unsendable(`header “${name}” holds a character that is not allowed`)
  if (RESERVED.has(name.toLowerCase())) throw unsendable(`header “${name}” can’t be set`)
  return `${name}: ${value}\r\n`
}

function unsendable(why: string): BrokerError {
  return new BrokerError('upstream-failed', `the request can’t be sent to the provider: ${why}`)
}

/** Maximum body length that is copied behind its head for one write; beyond it the copy costs more than it saves. */
const MAX_JOINED_LENGTH = 128 * 1024

/**
 * Returns true when the system refused the first write, which Node reports within the call: then no byte has left. A write
 * that fails later may have been sent in part. Under TLS a write is never refused within the call.
 */
export function writeRequest(socket: Socket, head: string, body: string | Uint8Array | undefined): boolean {
  if (body === undefined) socket.write(head, 'latin1')
  else if (body.length > MAX_JOINED_LENGTH) {
    socket.cork()
    socket.write(head, 'latin1')
    socket.write(body)
    socket.uncork()
  } else if (isAscii(body)) socket.write(head + body, 'latin1')
  else socket.write(joinedBytes(head, typeof body === 'string' ? Buffer.from(body) : body))
  return socket.errored !== null
}

/**
 * Sends a body piece by piece, no faster than the provider reads. Resolves with true once the system has all of it, with false
 * when the request was given up before. Rejects when the body has another length than it stated.
 */
export async function writeStreamed(
  socket: Socket,
  body: StreamedBody,
  isWanted: () => boolean,
): Promise<boolean> {
  let left = body.byteLength
  for await (const piece of body.read()) {
    if (!isWanted() || socket.destroyed) return false
    left -= piece.length
    if (left < 0) break
    // The bytes of a piece are reused for the next one, so that this one has to be on its way.
    await new Promise<void>((resolve) => {
      socket.once('close', resolve)
      socket.write(piece, () => {
        socket.off('close', resolve)
        resolve()
      })
    })
  }
  if (left !== 0) throw unsendable('its body has another length than it stated')
  return isWanted()
}

/** An ASCII text can be written as latin1, like a head. */
function isAscii(body: string | Uint8Array): body is string {
  return typeof body === 'string' && Buffer.byteLength(body) === body.length
}

function joinedBytes(head: string, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + body.length)
  bytes.write(head, 'latin1')
  bytes.set(body, head.length)
  return bytes
}
