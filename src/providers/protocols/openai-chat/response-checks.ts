import { BrokerError } from '../../../base/errors.ts'
import { isObject } from '../../../wire/json/json-body.ts'
import type { ChatChoice, ChatChunk } from '../../../wire/openai/chat.ts'
import { parseObject } from '../../../wire/openai/parse-object.ts'
import { errorOfObject, errorWords } from '../../errors/upstream-errors.ts'
import { finishReasonOf, isFinishReason } from '../../finish-reasons.ts'
import type { ProviderRequest } from '../../provider.ts'
import { unusable } from '../dialect-checks.ts'

/** OpenAI's maximum of `n`. */
const MAX_CHOICES = 128

/** The request that a plain response belongs to. */
export interface ExpectedResponse {
  /** For error messages. */
  readonly provider: string
  /** The list that the response must have. */
  readonly list: keyof ChatChunk | undefined
  /** How many choices were requested. */
  readonly choices: number
}

/** Parses a plain response; the error when it is not JSON, reports a failure, or lacks its list. */
export function parseResponse(
  body: string,
  contentType: string,
  { provider, list, choices }: ExpectedResponse,
): ChatChunk | BrokerError {
  const response = parseObject(body)
  if (response === undefined) {
    const listed = errorInList(body)
    return listed === undefined ? notJson(body, contentType, provider) : errorOfObject(provider, listed)
  }
  const error = errorInside(response)
  if (error !== undefined) return errorOfObject(provider, error)
  const items = list === undefined ? undefined : response[list]
  if (!Array.isArray(items) || items.length === 0)
    return unusable(`${provider} sent a response without ${list}`, provider, body)
  return list === 'choices' && items.length > maxChoices(choices) ? tooManyChoices(provider) : response
}

/** With the words of the body, as of an HTML page. */
function notJson(body: string, contentType: string, provider: string): BrokerError {
  const words = errorWords(body)
  const quoted = words === undefined ? '' : `: ${words}`
  return unusable(
    `${provider} sent something that is not JSON (${contentType || 'no type'})${quoted}`,
    provider,
    body,
  )
}

/** The error inside a chunk or a response with status 200; providers put it in different places. */
export function errorInside(response: ChatChunk): unknown {
  if (isError(response.error, response)) return response.error
  // vLLM's older shape.
  if (response.object === 'error') return response
  if (!Array.isArray(response.choices) || response.choices.length === 0) return errorByMessage(response)
  const broken = (response.choices as readonly (ChatChoice | null)[]).find(
    (choice) => isCutShort(choice?.finish_reason) || (choice?.error ?? null) !== null,
  )
  return broken === undefined || broken === null
    ? undefined
    : (broken.error ?? {
        message: `the provider ended its response with the finish reason “${broken.finish_reason}”`,
      })
}

/** Some gateways have an empty error beside every response. */
function isError(error: unknown, { choices }: ChatChunk): boolean {
  if (error === undefined || error === null) return false
  const isEmpty = error === false || error === '' || (isObject(error) && Object.keys(error).length === 0)
  return !isEmpty || !Array.isArray(choices) || choices.length === 0
}

/** The error in a list, in which Google's endpoints enclose it. */
export function errorInList(text: string): unknown {
  const list = text.trim()
  const first = list.startsWith('[') ? parseObject(list.slice(1, list.lastIndexOf(']'))) : undefined
  return first === undefined ? undefined : errorInside(first)
}

/** Whether the provider says that it broke off. */
function isCutShort(reason: unknown): boolean {
  return isFinishReason(reason) && finishReasonOf(reason) === 'error'
}

/** Fields in which vendors put the words of an error that has no `error` field around it. */
interface BareError {
  readonly type?: unknown
  readonly message?: unknown
  readonly detail?: unknown
  readonly msg?: unknown
  readonly error_msg?: unknown
  readonly reason?: unknown
  readonly errors?: unknown
  /** MiniMax has it in every response; its code is 0 when nothing is wrong. */
  readonly base_resp?: { readonly status_code?: unknown } | null
}

/** The data of an `error` event, or the body of a failure with status 200, without an `error` field around it. */
function errorByMessage(response: ChatChunk & BareError): unknown {
  const { type, message, detail, msg, error_msg, reason, errors, base_resp: base } = response
  const hasError =
    type === 'error' ||
    [message, detail, msg, error_msg, reason].some((text) => typeof text === 'string') ||
    (Array.isArray(errors) && errors.length > 0) ||
    (typeof base?.status_code === 'number' && base.status_code !== 0)
  const isEmpty = response.usage === undefined && (response.data ?? undefined) === undefined
  return hasError && isEmpty ? response : undefined
}

/** How many choices a request is due: `n`, for each prompt of a completion. */
export function choicesOf({ body: { value }, route }: ProviderRequest): number {
  const n = typeof value['n'] === 'number' ? value['n'] : 1
  const prompt = value['prompt']
  const isList = route === 'completions' && Array.isArray(prompt) && typeof prompt[0] !== 'number'
  return n * (isList ? Math.max(1, prompt.length) : 1)
}

/** How many choices are accepted when `requested` were due: some providers send more than that. */
export function maxChoices(requested: number): number {
  return Math.max(MAX_CHOICES, requested)
}

export function tooManyChoices(provider: string): BrokerError {
  return new BrokerError('upstream-failed', `${provider} gave many more choices than were asked for`)
}
