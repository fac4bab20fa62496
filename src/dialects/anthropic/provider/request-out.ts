import { isObject } from '../../../wire/json/json-body.ts'
import { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { withoutBilledFields } from './billed-fields.ts'
import { writeMessages } from './messages-out.ts'
import type { RequestOutFacts } from './request-out-facts.ts'
import { thinkingOf } from './thinking-out.ts'
import { writeToolChoice, writeTools } from './tools-out.ts'

/** Fields of a chat that the Messages API has a place for. */
const PLACED = new Set(['temperature', 'top_p', 'top_k', 'stop', 'tools', 'tool_choice', 'user'])

/** For a model without a stated maximum: any model of the last years can write as much. */
const UNKNOWN_MAXIMUM = 8192
const MAX_TEMPERATURE = 1
/** Models that refuse all but the defaults of the sampling fields (`@anthropic-ai/sdk` 1.14, read 2026-11). */
const REFUSES_SAMPLING = /claude-(opus-4-[7-9]|[a-z]+-[5-9])/
/**
 * Models that take `temperature` or `top_p`, not both (“cannot both be specified for this model”):
 * https://github.com/lobehub/lobehub/issues/9523, https://github.com/aws-samples/bedrock-access-gateway/pull/238 (2026-12).
 */
const TAKES_ONE_OF_BOTH = /claude-(opus-4-[1-6]|sonnet-4-[5-9]|haiku-4)/
const DEFAULT_SAMPLING: Readonly<Record<string, (value: number) => boolean>> = {
  temperature: (value) => value === MAX_TEMPERATURE,
  top_p: (value) => value >= 0.99,
  top_k: () => false,
}

/** A chat as a request of the Messages API. Throws `not-carried` naming what would be lost. */
export function writeRequest(
  value: Fields,
  facts: RequestOutFacts,
): { readonly request: Fields; readonly dropped: readonly string[] | undefined } {
  const carried = new CarriedFields('anthropic')
  carried.leave(value, 'request')
  carried.leaveChat(value, PLACED)
  const own = withoutBilledFields(fieldsOf(value, 'anthropic'), carried)
  const max_tokens = maxTokensOf(value, facts)
  const { system, messages } = writeMessages(value['messages'], facts, carried)
  const thinking = thinkingOf(value, { ...facts, maxTokens: max_tokens }, carried)
  const request = {
    model: facts.modelId,
    max_tokens,
    ...(system === undefined ? {} : { system }),
    messages,
    ...stopOf(value['stop']),
    ...sampling(value, facts.modelId, thinking, carried),
    ...writeTools(value['tools'], carried),
    ...writeToolChoice(value),
    ...(value['cache_control'] === undefined ? {} : { cache_control: value['cache_control'] }),
    ...(typeof value['user'] === 'string' ? { metadata: { user_id: value['user'] } } : {}),
    ...thinking,
    ...own,
    ...(facts.stream ? { stream: true } : {}),
  }
  carried.throwIfRefused()
  return { request, dropped: carried.dropped }
}

function maxTokensOf(value: Fields, { maxOutputTokens }: RequestOutFacts): number {
  const asked = value['max_completion_tokens'] ?? value['max_tokens']
  return typeof asked === 'number' ? asked : (maxOutputTokens ?? UNKNOWN_MAXIMUM)
}

function stopOf(stop: unknown): Fields {
  if (typeof stop === 'string') return { stop_sequences: [stop] }
  return Array.isArray(stop) ? { stop_sequences: stop } : {}
}

function sampling(value: Fields, modelId: string, { thinking }: Fields, carried: CarriedFields): Fields {
  const fields: Record<string, unknown> = {}
  for (const name of ['temperature', 'top_p', 'top_k'])
    if (typeof value[name] === 'number') fields[name] = value[name]
  if (typeof fields['temperature'] === 'number' && fields['temperature'] > MAX_TEMPERATURE) {
    carried.note('dropped', 'temperature above 1')
    fields['temperature'] = MAX_TEMPERATURE
  }
  // “`temperature` may only be set to 1 when thinking is enabled”: https://github.com/MartialBE/one-hub/issues/529 (2026-12)
  const thinks = isObject(thinking) && thinking['type'] !== 'disabled'
  if (thinks || REFUSES_SAMPLING.test(modelId)) return withoutSampling(fields, carried)
  if (
    fields['temperature'] !== undefined &&
    fields['top_p'] !== undefined &&
    TAKES_ONE_OF_BOTH.test(modelId)
  ) {
    carried.note('dropped', 'top_p')
    delete fields['top_p']
  }
  return fields
}

function withoutSampling(fields: Fields, carried: CarriedFields): Fields {
  const kept = Object.entries(fields).filter(([name, value]) => {
    const isDefault = DEFAULT_SAMPLING[name]?.(Number(value)) === true
    if (!isDefault) carried.note('dropped', name)
    return isDefault
  })
  return Object.fromEntries(kept)
}
