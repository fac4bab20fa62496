import { STATUS_CODES, type ServerResponse } from 'node:http'
import { randomLetters } from '../../../base/ids.ts'
import { asBrokerError, ERRORS, type BrokerError, type ErrorCode } from '../../../base/errors.ts'

/** The body of an error, in the form of OpenRouter: never `null`, `code` is the HTTP status. */
export interface ErrorEnvelope {
  readonly error: {
    readonly code: number
    readonly message: string
    /** `code` is the broker's own error code, `error_type` OpenRouter's coarser one. */
    readonly metadata: Readonly<Record<string, unknown>> & {
      readonly code: ErrorCode
      readonly error_type: string
    }
  }
  /** How the request was routed, for callers that requested it. */
  readonly openrouter_metadata?: object
}

/** An error ready to be sent: status, headers and body. A server with another protocol has a body of its own. */
export interface RenderedError<Body extends object = object> {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body
}

/** Renders what a route throws, in the form that its clients read. */
export type ErrorRenderer = (thrown: unknown) => RenderedError

/** Renders a thrown value. One that is not a `BrokerError` is rendered without its details; logging it is up to the caller. */
export function renderError(thrown: unknown): RenderedError<ErrorEnvelope> {
  const error = asBrokerError(thrown)
  const row = ERRORS[error.code]
  const { routed } = error.details
  return {
    status: row.http,
    headers: headersOf(error),
    body: {
      error: { code: row.http, message: error.message, metadata: metadataOf(error) },
      ...(routed !== undefined && { openrouter_metadata: routed }),
    },
  }
}

function metadataOf({ code, details }: BrokerError): ErrorEnvelope['error']['metadata'] {
  return {
    ...details.metadata,
    code,
    error_type: ERRORS[code].type,
    ...(details.provider !== undefined && { provider_name: details.provider }),
    ...(details.raw !== undefined && { raw: details.raw }),
    ...(details.status !== undefined && { provider_status: details.status }),
    ...(details.retryAfter !== undefined && { retry_after_seconds: Math.ceil(details.retryAfter) }),
  }
}

function headersOf({ code, details }: BrokerError): Record<string, string> {
  const headers: Record<string, string> = { ...details.headers }
  if (details.retryAfter !== undefined)
    headers['retry-after'] = String(Math.max(0, Math.ceil(details.retryAfter)))
  if (code === 'unauthorized') headers['www-authenticate'] = 'Bearer'
  return headers
}

/** With an id to quote to the operator; a response that has one keeps it. */
export function withRequestId<Body extends object>(rendered: RenderedError<Body>): RenderedError<Body> {
  return { ...rendered, headers: { 'x-request-id': randomLetters(20), ...rendered.headers } }
}

/** Sends an error. `headers` are sent in addition to those of the error. */
export function sendRenderedError(
  response: ServerResponse,
  { status, headers: errorHeaders, body }: RenderedError,
  headers?: Readonly<Record<string, string>>,
): void {
  const text = JSON.stringify(body)
  // The reason phrase is given explicitly: an earlier `writeHead` that failed may have left its own behind.
  response.writeHead(status, STATUS_CODES[status], {
    ...errorHeaders,
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}
