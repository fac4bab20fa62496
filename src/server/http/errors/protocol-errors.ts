import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { BrokerError, type ErrorCode } from '../../../base/errors.ts'
import { renderError, withRequestId } from './error-response.ts'

/** Node's codes for bytes that are not an acceptable request; any other code becomes `bad-request`. */
const REASONS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers-too-large', 'the headers are larger than we read'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['too-large', 'the chunk extensions are larger than we read'],
  ERR_HTTP_REQUEST_TIMEOUT: ['too-slow', 'the request did not arrive in time'],
}

/** Sends an error for bytes that could not be parsed as a request, and closes the connection. */
export function refuseMalformedRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable || hasBegunResponse(socket)) {
    socket.destroy()
    return
  }
  const [code, message] = REASONS[error.code ?? ''] ?? [
    'bad-request',
    `this is not HTTP/1.1 as we read it: ${error.message}`,
  ]
  sendErrorToSocket(socket, new BrokerError(code, message))
}

/** Writes an error as a complete HTTP response to a bare socket, and closes it. */
export function sendErrorToSocket(socket: Duplex, error: BrokerError): void {
  const { status, headers, body } = withRequestId(renderError(error))
  const text = JSON.stringify(body)
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy())
}

/** Whether a response has begun on this connection: a second head in the middle of it would be read as its body. */
function hasBegunResponse(socket: Duplex): boolean {
  // Node's own default handler reads this field too; there is no public one.
  const { _httpMessage: message } = socket as { _httpMessage?: { headersSent: boolean } | null }
  return message?.headersSent === true
}
