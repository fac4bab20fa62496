import { BrokerError } from '../../base/errors.ts'
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
  const { method, headers, body } = request
  const path = prefix + request.path
  if (!METHOD.test(method)) throw unsendable('its method is not a word')
  if (!PATH.test(path)) throw unsendable('its path holds a character that must be percent-encoded')
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`
  for (let at = 0; at < headers.length; at += 2) head += headerLine(headers[at], headers[at + 1])
  return body === undefined && method === 'GET'
    ? `${head}\r\n`
    : `${head}content-length: ${body === undefined ? 0 : Buffer.byteLength(body)}\r\n\r\n`
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
