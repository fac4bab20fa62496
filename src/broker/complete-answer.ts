import { dollarsNumber, type Money } from '../base/money.ts'
import type { FailedAttempt } from '../ledger/ledger-types.ts'
import type { ChatChunk } from '../wire/chat.ts'
import { spliceFields, topLevelFields, type FieldChanges } from '../wire/json-body.ts'

/** What the broker adds to an answer that isn't OpenRouter's own. */
export interface Completion {
  readonly id: string
  /** Display name. */
  readonly provider: string
  /** Our name of the model that answered. */
  readonly model: string
  readonly endpoint: string
  readonly attempts: readonly FailedAttempt[]
  readonly latencyMs: number
  /** `undefined` while or when it isn't known. */
  readonly cost: Money | undefined
}

/** Puts the answers of one kind of request into OpenRouter's shape. */
export interface Completer {
  answer(json: string, answer: ChatChunk, completion: Completion): string
  chunk(json: string, chunk: ChatChunk, completion: Completion): string
}

export const chatCompleter: Completer = { answer: completeAnswer, chunk: completeChunk }

/** A plain answer in OpenRouter's shape, with the legacy `x_aibroker` envelope; all else stays as it came. */
function completeAnswer(json: string, answer: ChatChunk, completion: Completion): string {
  const changes = new Map<string, string | undefined>([
    ['id', JSON.stringify(completion.id)],
    ['provider', JSON.stringify(completion.provider)],
    ['x_aibroker', JSON.stringify(envelope(completion))],
  ])
  if (isObject(answer.usage))
    changes.set('usage', JSON.stringify(usageWithCost(answer.usage, completion.cost)))
  return splice(json, changes)
}

/** A chunk in OpenRouter's shape. */
function completeChunk(json: string, chunk: ChatChunk, completion: Completion): string {
  const changes = new Map<string, string | undefined>([
    ['id', JSON.stringify(completion.id)],
    ['provider', JSON.stringify(completion.provider)],
  ])
  if (isObject(chunk.usage)) changes.set('usage', JSON.stringify(usageWithCost(chunk.usage, completion.cost)))
  return splice(json, changes)
}

function splice(json: string, changes: FieldChanges): string {
  return spliceFields({ text: json, fields: topLevelFields(json) }, changes)
}

function usageWithCost(
  usage: Readonly<Record<string, unknown>>,
  cost: Money | undefined,
): Record<string, unknown> {
  return { ...usage, is_byok: false, ...(cost === undefined ? {} : { cost: dollarsNumber(cost) }) }
}

function envelope({
  provider,
  model,
  endpoint,
  attempts,
  latencyMs,
  cost,
}: Completion): Record<string, unknown> {
  return {
    provider,
    model,
    endpoint,
    attempts: attempts.length + 1,
    failed_attempts: attempts.map(({ endpoint, code }) => ({ endpoint, code })),
    ...(cost === undefined ? { unpriced: true } : { cost: dollarsNumber(cost) }),
    latency_ms: Math.round(latencyMs),
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
