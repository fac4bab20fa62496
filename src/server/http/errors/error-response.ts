import { STATUS_CODES, type ServerResponse } from 'node:http'
import { asBrokerError, ERRORS, type BrokerError, type ErrorCode } from '../../../base/errors.ts'

/** An error as OpenRouter and we write it: never `null`, the code is the HTTP status. */
export interface ErrorEnvelope {
  readonly error: {
    readonly code: number
    readonly message: string
    /** `code` is our own word for it, `error_type` OpenRouter's coarser one. */
    readonly metadata: Readonly<Record<string, unknown>> & {
      readonly code: ErrorCode
      readonly error_type: string
    }
  }
  /** How the request was routed, for callers who asked for that. */
  readonly openrouter_metadata?: object
}

/** An error ready to be sent: status, body (a door with another protocol has its own), and the headers that belong to it. */
export interface RenderedError<Body extends object = object> {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body
}

/** Renders whatever was thrown. What is not a `BrokerError` shows nothing of itself; logging it is the caller's part. */
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
