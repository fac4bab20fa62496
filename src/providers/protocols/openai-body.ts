import { spliceFields } from '../../wire/json-body.ts'
import type { Question, Quirks } from '../provider.ts'

/**
 * Fields of OpenRouter's chat request that steer a router and mean nothing to a provider; OpenAI and others answer 400
 * to a field they don't know. Each is honoured by the broker or refused there before a provider is asked.
 */
const ROUTER_FIELDS = [
  'models',
  'provider',
  'route',
  'transforms',
  'plugins',
  'preset',
  'usage',
  'trace',
  'session_id',
  'debug',
] as const

/** The body that a provider sees: the caller's text with the few fields spliced that must differ. */
export function bodyFor(question: Question, quirks: Quirks): string {
  const changes = new Map<string, string | undefined>([['model', JSON.stringify(question.modelId)]])
  if (question.streamed && quirks.refusesStreamOptions !== true) askForUsage(question, changes)
  if (quirks.refusesStreamOptions === true) changes.set('stream_options', undefined)
  if (quirks.speaksOpenRouter !== true) dropRouterFields(question, changes)
  if (quirks.maxTokensField !== undefined) renameMaxTokens(question, quirks.maxTokensField, changes)
  return spliceFields(question.body, changes)
}

/** Without `include_usage` most providers end a stream without saying what it cost. */
function askForUsage({ body }: Question, changes: Map<string, string | undefined>): void {
  const given = body.value['stream_options'] as Record<string, unknown> | null | undefined
  if (given?.['include_usage'] === true) return
  changes.set('stream_options', JSON.stringify({ ...given, include_usage: true }))
}

function dropRouterFields({ body }: Question, changes: Map<string, string | undefined>): void {
  for (const field of ROUTER_FIELDS) if (body.fields.has(field)) changes.set(field, undefined)
}

function renameMaxTokens(
  { body }: Question,
  field: 'max_tokens' | 'max_completion_tokens',
  changes: Map<string, string | undefined>,
): void {
  const other = field === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens'
  const value = body.value[other]
  if (typeof value !== 'number') return
  changes.set(other, undefined)
  changes.set(field, String(value))
}
