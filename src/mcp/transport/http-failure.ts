import { Response } from 'undici'

/** Why a server did not respond as an MCP server does, for people: without its address and without text of its own. */
export function fetchFailure(thrown: unknown): string {
  const codes = causesOf(thrown).map((error) =>
    'code' in error && typeof error.code === 'string' ? error.code : error.name,
  )
  for (const code of codes) {
    const reason = FETCH_REASONS[code] ?? (CERTIFICATE.test(code) ? certificateReason(code) : undefined)
    if (reason !== undefined) return reason
  }
  if (codes.some((code) => code.startsWith('HPE_'))) return 'it does not speak HTTP'
  if (codes.some((code) => code.startsWith('ERR_SSL')))
    return 'it does not speak TLS; should its URL begin with http:?'
  return 'it could not be reached'
}

const FETCH_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused: nothing listens at its address',
  ENOTFOUND: 'its host name is unknown',
  EAI_AGAIN: 'its host name could not be looked up',
  ENOENT: 'its socket does not exist',
  EACCES: 'its socket may not be opened by this user',
  ECONNRESET: 'it closed the connection without a response',
  EPIPE: 'it closed the connection without a response',
  UND_ERR_SOCKET: 'it closed the connection without a response',
  ETIMEDOUT: 'its address does not respond',
  UND_ERR_CONNECT_TIMEOUT: 'its address does not respond',
  EHOSTUNREACH: 'there is no route to its address',
  ENETUNREACH: 'there is no route to its address',
  EPROTO: 'it does not speak TLS; should its URL begin with http:?',
  // The start was given up.
  UND_ERR_DESTROYED: 'it did not answer in time',
  UND_ERR_ABORTED: 'it did not answer in time',
  AbortError: 'it did not answer in time',
  TimeoutError: 'it did not answer in time',
}

/** OpenSSL's names, as Node has them. */
const CERTIFICATE = /CERT|SIGNATURE|SELF_SIGNED|ISSUER/

function certificateReason(code: string): string {
  return `its certificate is not accepted (${code}); NODE_EXTRA_CA_CERTS names a file of further authorities`
}

function causesOf(thrown: unknown): Error[] {
  const causes: Error[] = []
  for (let error = thrown; error instanceof Error && causes.length < 8; error = error.cause) {
    causes.push(error)
    if (error instanceof AggregateError) causes.push(...error.errors.filter((one) => one instanceof Error))
  }
  return causes
}

/** Why a response is none of an MCP server; `undefined` when it may be one. `text` is the beginning of a refusal. */
export function responseFailure(response: Response, text: string): string | undefined {
  const { status, headers } = response
  const type = headers.get('content-type') ?? ''
  if (status >= 300 && status < 400)
    return `it redirects to ${headers.get('location') ?? 'nowhere'} (${status}); name that address if it is the server’s`
  if (status === 401) return 'it wants credentials that it was not given or does not accept (401)'
  if (status === 403) return 'it refuses access (403)'
  if (isRpcError(text))
    return /version/i.test(text)
      ? 'it speaks no protocol revision that we know'
      : `it refused the handshake with status ${status}`
  if (status === 404) return 'there is nothing at its path (404)'
  if (type.startsWith('text/html')) return `it sent a web page (HTML, status ${status}) instead of MCP`
  if (status >= 400) return `it responded with status ${status}`
  if (status === 200 && !/^(application\/json|text\/event-stream)/i.test(type))
    return `it sent ${type === '' ? 'no content type' : type.slice(0, 60)} instead of MCP`
  return undefined
}

function isRpcError(text: string): boolean {
  try {
    const value = JSON.parse(text) as { error?: unknown; jsonrpc?: unknown } | null
    return value?.jsonrpc === '2.0' && value.error !== undefined
  } catch {
    return false
  }
}

const MAX_REFUSAL_BYTES = 16 * 1024

/** The beginning of a refusal's text, and the response with that text as its body. */
export async function readRefusal(response: Response): Promise<{ text: string; response: Response }> {
  const { status, statusText, headers } = response
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    parts.push(part)
    length += part.length
    if (length >= MAX_REFUSAL_BYTES) break
  }
  const text = Buffer.concat(parts).subarray(0, MAX_REFUSAL_BYTES).toString('utf8')
  return { text, response: new Response(text, { status, statusText, headers }) }
}

/** The address of a redirect that stays on the same origin and repeats the request; `undefined` for any other response. */
export function sameOriginRedirect(response: Response, from: URL): URL | undefined {
  const location = response.headers.get('location')
  if (location === null || ![301, 302, 307, 308].includes(response.status)) return undefined
  const to = URL.parse(location, from.href)
  return to?.origin === from.origin && to.href !== from.href ? to : undefined
}
