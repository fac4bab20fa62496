import type { Clock } from '../../../base/clock.ts'
import { ToolFailure } from '../tool-failure.ts'

export interface FetchRequest {
  readonly url: URL
  readonly method?: 'GET' | 'POST' | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Sent as JSON, unless it is text. */
  readonly body?: unknown
  readonly timeoutMs: number
  /** Longer bodies are truncated to this length, with `isCut` set. */
  readonly maxBytes?: number | undefined
}

export interface FetchResponse {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
  readonly isTruncated: boolean
}

const DEFAULT_MAX_BYTES = 8 * 1024 * 1024

/** Sends one request within its timeout and size limit. Throws `timeout`, `network` or `cancelled`; the message never contains the URL. */
export async function sendOnce(
  request: FetchRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<FetchResponse> {
  const deadline = new AbortController()
  const cancelTimer = clock.after(request.timeoutMs, () => deadline.abort())
  const either = AbortSignal.any([signal, deadline.signal])
  try {
    const response = await fetch(request.url, { ...bodyOf(request), signal: either, redirect: 'manual' })
    const read = await readBody(response, request.maxBytes ?? DEFAULT_MAX_BYTES)
    return { status: response.status, headers: response.headers, ...read }
  } catch (thrown) {
    if (signal.aborted) throw new ToolFailure('cancelled', 'the caller cancelled')
    if (deadline.signal.aborted) {
      throw new ToolFailure('timeout', `no response within ${Math.round(request.timeoutMs / 1000)} s`)
    }
    throw new ToolFailure('network', `the vendor could not be reached (${reasonOf(thrown)})`)
  } finally {
    cancelTimer()
  }
}

function bodyOf({ method, headers, body }: FetchRequest): RequestInit {
  if (body === undefined)
    return { method: method ?? 'GET', headers: { accept: 'application/json', ...headers } }
  const isText = typeof body === 'string'
  const type = isText ? 'text/plain; charset=utf-8' : 'application/json'
  return {
    method: method ?? 'POST',
    headers: { accept: 'application/json', 'content-type': type, ...headers },
    body: isText ? body : JSON.stringify(body),
  }
}

async function readBody(
  response: Response,
  maxBytes: number,
): Promise<{ bytes: Uint8Array; isTruncated: boolean }> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    length += chunk.length
    if (length > maxBytes) return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), isTruncated: true }
  }
  return { bytes: Buffer.concat(chunks), isTruncated: false }
}

/** Only the system's error code: messages of `fetch` may contain the URL, and some URLs contain the key. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code)
  return 'connection failed'
}

/** The body decoded as UTF-8. */
export function textOf(response: FetchResponse): string {
  return new TextDecoder().decode(response.bytes)
}

/** The body as JSON. Throws `upstream` if it is not JSON or was truncated. */
export function jsonOf(response: FetchResponse): unknown {
  if (response.isTruncated)
    throw new ToolFailure('upstream', 'the response was too long', {
      retryable: false,
      status: response.status,
    })
  try {
    return JSON.parse(textOf(response))
  } catch {
    throw new ToolFailure('upstream', 'the response was not JSON', {
      retryable: false,
      status: response.status,
    })
  }
}

/** The body as a record, or an empty record if it is none; for reading error bodies. */
export function recordOf(response: FetchResponse): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(textOf(response))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  } catch {
    return {}
  }
}

/** `Retry-After` in seconds, from a number or an HTTP date. */
export function retryAfter(headers: Headers, nowMs: number = Date.now()): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value)
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - nowMs) / 1000))
}
