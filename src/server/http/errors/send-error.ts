import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { RenderedError } from './error-response.ts'

/** Answers with an error. `headers` are those that the answer has beside the error's own. */
export function tellError(
  response: ServerResponse,
  { status, headers: ofError, body }: RenderedError,
  headers?: Readonly<Record<string, string>>,
): void {
  const text = JSON.stringify(body)
  // Said again, for a head that could not be written may have left its own words behind.
  response.writeHead(status, STATUS_CODES[status], {
    ...headers,
    ...ofError,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}
