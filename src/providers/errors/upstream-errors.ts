import { BrokerError, type ErrorCode } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import { refusalOf, type RefusalReason } from './refusal-kinds.ts'
import { retryAfterOf } from './retry-after.ts'
import type { UpstreamHeaders } from '../transport/upstream.ts'

/** The error code of a provider's status. Other statuses are mapped by their class: 4xx, 5xx. */
const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'upstream-denied', // our key is wrong
  402: 'upstream-denied', // our account has no credit
  403: 'upstream-denied', // our key may not do this, or the country is barred
  404: 'upstream-failed', // it does not have the model (any more); another endpoint may
  408: 'upstream-timeout',
  410: 'upstream-failed', // SambaNova: the model is gone
  413: 'upstream-refused',
  429: 'upstream-busy',
  498: 'upstream-busy', // Groq: flex capacity exceeded
  504: 'upstream-timeout',
  508: 'cascade-loop', // a broker above us
  524: 'upstream-timeout', // Cloudflare: the origin didn't answer in time
  529: 'upstream-busy', // Anthropic and OpenRouter: overloaded
}

const MAX_RAW = 2000

/** The error for a provider's response with a status other than 200. */
export function errorOfStatus(
  provider: string,
  status: number,
  headers: UpstreamHeaders,
  body: string,
  nowMs: number,
): BrokerError {
  const content = errorContent(body)
  const { code, refusal } = kindOf(status, content)
  const isTemporary = code === 'upstream-busy' || status === 503 || headers['retry-after'] !== undefined
  return reported(code, content, `${provider} responded with status ${status}`, {
    provider,
    status,
    refusal,
    raw: body.slice(0, MAX_RAW),
    retryAfter: isTemporary ? retryAfterOf(headers, body, nowMs) : undefined,
  })
}

/** The error for an `error` object inside a 200, as OpenRouter and others send it. */
export function errorOfObject(provider: string, value: unknown): BrokerError {
  const text = JSON.stringify({ error: value })
  const content = errorContent(text)
  const status = statusIn(value)
  const { code, refusal } = kindOf(status, content)
  return reported(code, content, 'the provider reported an error in its response', {
    provider,
    raw: text.slice(0, MAX_RAW),
    status,
    refusal,
  })
}

/** @param unnamed the message where the provider has none, completed by the error's name. */
function reported(
  code: ErrorCode,
  content: ErrorContent,
  unnamed: string,
  details: BrokerError['details'],
): BrokerError {
  const { mayBill, attempts, isOverLease } = content
  return new BrokerError(code, content.message ?? `${unnamed}${namedIn(content)}`, {
    details: { ...details, mayBeCharged: mayBill, attempts, isOverLease },
  })
}

/** The name of an error without a message. */
function namedIn({ names }: ErrorContent): string {
  const name = names.find((each) => typeof each === 'string' || typeof each === 'number')
  return name === undefined ? '' : ` (${String(name).slice(0, MAX_PLAIN_TEXT)})`
}

function kindOf(
  status: number | undefined,
  { names, message }: ErrorContent,
): { readonly code: ErrorCode; readonly refusal?: RefusalReason | undefined } {
  const mayBeRefusal = status === undefined || status <= 429 || status === 500
  const refusal = mayBeRefusal ? refusalOf(status, names, message) : undefined
  if (refusal !== undefined) return { code: refusal.code, refusal: refusal.reason }
  return { code: status === undefined ? 'upstream-failed' : codeOfStatus(status) }
}

function codeOfStatus(status: number): ErrorCode {
  return BY_STATUS[status] ?? (status >= 400 && status < 500 ? 'upstream-refused' : 'upstream-failed')
}

function statusIn(value: unknown): number | undefined {
  const code = Number((value as { code?: unknown } | null)?.code)
  return Number.isInteger(code) && code >= 400 && code < 600 ? code : undefined
}

/** The content of a provider's error: names for programs, a message for people. */
interface ErrorContent {
  readonly names: readonly unknown[]
  readonly message: string | undefined
  /** Another broker sets this when it may have to pay for the failed request. */
  readonly mayBill?: true | undefined
  /** Another broker states how many attempts at providers it made. */
  readonly attempts?: number | undefined
  /** Another broker refuses the lease that the request was sent under. */
  readonly isOverLease?: true | undefined
}

/** The fields of an error that any vendor is known to use. */
interface ErrorFields {
  readonly message?: unknown
  /** Amazon's name for `message`. */
  readonly Message?: unknown
  /** Z.AI's, SiliconFlow's and others' name for `message`. */
  readonly msg?: unknown
  readonly error_msg?: unknown
  readonly reason?: unknown
  readonly code?: unknown
  readonly type?: unknown
  /** Google's: a name such as `RESOURCE_EXHAUSTED`. */
  readonly status?: unknown
  readonly details?: unknown
  readonly detail?: unknown
  /** NVIDIA's, in the form of RFC 9457. */
  readonly title?: unknown
  /** MiniMax's, in a 200: https://github.com/adrianlyjak/obsidian-aloud-tts/pull/114 */
  readonly base_resp?: { readonly status_code?: unknown; readonly status_msg?: unknown } | null
  readonly metadata?: {
    readonly error_type?: unknown
    readonly may_cost?: unknown
    readonly attempts?: unknown
    readonly budget?: unknown
  }
}

interface ErrorBody extends ErrorFields {
  readonly error?: ErrorBody | string | null
  /** Cloudflare's list. */
  readonly errors?: unknown
}

function isFields(value: unknown): value is ErrorFields {
  return typeof value === 'object' && value !== null
}

function firstOf(list: unknown): ErrorBody | undefined {
  const first: unknown = Array.isArray(list) ? list[0] : undefined
  return isFields(first) ? first : undefined
}

/** Finds the names and the message in the shapes that providers use: an object, a text, a list, or no JSON at all. */
function errorContent(raw: string): ErrorContent {
  const object = parsed(raw) as ErrorBody | null | undefined
  if (typeof object !== 'object' || object === null)
    return { names: [], message: typeof object === 'string' ? object : plainText(raw) }
  const error = isFields(object.error) ? object.error : firstOf(object.errors)
  const message = messageIn(error) ?? (typeof object.error === 'string' ? object.error : messageIn(object))
  const content: ErrorContent = {
    names: [
      ...namesIn(error),
      error?.status,
      error?.metadata?.error_type,
      ...reasonsIn(error?.details),
      ...namesIn(object),
    ],
    message,
    mayBill: error?.metadata?.may_cost === true ? true : undefined,
    attempts: countOf(error?.metadata?.attempts),
    isOverLease: error?.metadata?.budget === 'lease' ? true : undefined,
  }
  const inner = innerContent(message)
  if (inner === undefined) return content
  return { ...content, message: inner.message, names: [...inner.names, ...content.names] }
}

function namesIn(fields: ErrorFields | undefined): unknown[] {
  const status = fields?.base_resp?.status_code
  return [fields?.code, fields?.type, typeof status === 'number' ? `base_resp ${status}` : undefined]
}

function messageIn(fields: ErrorBody | undefined): string | undefined {
  const texts = [
    fields?.message,
    fields?.Message,
    fields?.detail,
    detailText(fields?.detail),
    fields?.title,
    fields?.msg,
    fields?.error_msg,
    fields?.reason,
    fields?.base_resp?.status_msg,
    textIn(fields?.message),
    firstOf(fields?.errors)?.message,
  ]
  return texts.find((text): text is string => typeof text === 'string' && text !== '')
}

/** The text of a message that is an object. */
function textIn(message: unknown): unknown {
  const { text, message: inner } = (isFields(message) ? message : {}) as { text?: unknown; message?: unknown }
  return inner ?? text
}

/** The error of a provider behind a gateway, as JSON in the gateway's own message. */
function innerContent(message: unknown): ErrorContent | undefined {
  if (typeof message !== 'string' || !/^\s*[[{]/.test(message)) return undefined
  const content = errorContent(message)
  return content.message === undefined ? undefined : content
}

function countOf(value: unknown): number | undefined {
  return Number.isInteger(value) && Number(value) >= 0 ? Number(value) : undefined
}

/** `reason` of Google's `ErrorInfo`. */
function reasonsIn(details: unknown): unknown[] {
  return Array.isArray(details) ? details.map((detail: { reason?: unknown } | null) => detail?.reason) : []
}

/** FastAPI's list of validation errors, as vLLM and others send it, or an object with the error, as DeepInfra does. */
function detailText(detail: unknown): string | undefined {
  const { error } = (isFields(detail) ? detail : {}) as { readonly error?: unknown }
  if (typeof error === 'string') return error
  if (!Array.isArray(detail)) return undefined
  const [first] = detail as readonly ({ readonly msg?: unknown } | null)[]
  return typeof first?.msg === 'string' ? first.msg : undefined
}

/** The words of a body that should have been a response; `undefined` when it has none. */
export function errorWords(raw: string): string | undefined {
  return errorContent(raw).message
}

const MAX_PLAIN_TEXT = 300

/** The words of a body that is not JSON; of HTML its text, title first. */
function plainText(raw: string): string | undefined {
  const text = raw
    .slice(0, 20_000)
    .replace(/<(script|style)\b[^>]*>[^<]*<\/\1>/gi, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return text === '' || text.startsWith('{') || isBinary(text) ? undefined : text.slice(0, MAX_PLAIN_TEXT)
}

/** Compressed bytes, as of a body whose encoding a proxy does not name. */
function isBinary(text: string): boolean {
  return text.includes('\uFFFD') || text.includes('\u0000')
}

/** The data of a body that is an event, as of a refused request for a stream. */
const EVENT_DATA = /^\s*(?:[a-z]*:.*\r?\n)*?data:\s*(\S.*)/

function parsed(raw: string): unknown {
  try {
    const value: unknown = JSON.parse(EVENT_DATA.exec(raw)?.[1] ?? raw)
    return Array.isArray(value) ? value[0] : value
  } catch {
    return undefined
  }
}

/** Anything thrown while a provider's response is handled is a failure of the provider. */
export function asUpstreamError(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new BrokerError('upstream-failed', message, { cause: error })
}

/** Adds the provider's name, and removes our own key from the provider's text: some providers repeat the key they refuse. */
export function withProvider(error: BrokerError, provider: string, key: Secret | undefined): BrokerError {
  const hide = (text: string): string => (key === undefined ? text : text.replaceAll(key.reveal(), '***'))
  const { raw } = error.details
  return new BrokerError(error.code, hide(error.message), {
    cause: error.cause,
    details: { provider, ...error.details, raw: raw === undefined ? undefined : hide(raw) },
  })
}
