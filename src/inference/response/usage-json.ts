import { usdNumber } from '../../base/money.ts'
import type { CostParts } from '../../ledger/cost.ts'
import type { Usage } from '../../ledger/types.ts'

/**
 * Usage and cost in the form of OpenRouter's `usage`. Further fields that the provider reported stay; nothing is null. The
 * cost is the one in the ledger, unless the counts are an estimate (`x_aibroker.estimated`): those are counted for the ledger
 * only after the response. Without a known price the cost is left out.
 *
 * @param parts what the usage costs.
 */
export function usageJson(
  usage: Usage,
  parts: CostParts | undefined,
  reported: unknown,
): Record<string, unknown> {
  return JSON.parse(usageJsonText(usage, parts, reported)) as Record<string, unknown>
}

/** What `usageJson` returns, as JSON text, written without building the object. */
export function usageJsonText(usage: Usage, parts: CostParts | undefined, reported: unknown): string {
  const fields = objectOf(reported)
  const promptFields = objectOf(fields['prompt_tokens_details'])
  const completionFields = objectOf(fields['completion_tokens_details'])
  const { prompt, completion, cachedPrompt, cacheWrite, audioPrompt, reasoning, audioCompletion } = usage
  const cost = parts === undefined ? '' : `${costText(parts)},`
  return (
    `{"prompt_tokens":${prompt},"completion_tokens":${completion},"total_tokens":${prompt + completion},${cost}"is_byok":false,` +
    `"prompt_tokens_details":{"cached_tokens":${cachedPrompt},"cache_write_tokens":${cacheWrite},"audio_tokens":${audioPrompt},` +
    `"video_tokens":0${extraMembers(promptFields, PROMPT_DETAILS)}},` +
    `"completion_tokens_details":{"image_tokens":${valueText(completionFields['image_tokens'])},` +
    `"reasoning_tokens":${reasoning},"audio_tokens":${audioCompletion}${extraMembers(completionFields, COMPLETION_DETAILS)}}` +
    `${extraMembers(fields, KNOWN)}}`
  )
}

const DETAILS = ['prompt_tokens_details', 'completion_tokens_details']
const COUNTS = ['prompt_tokens', 'completion_tokens', 'total_tokens']
/** The provider's own figures of money are among them: they count only where the ledger accepts them. */
const KNOWN = new Set([...COUNTS, ...DETAILS, 'is_byok', 'cost', 'cost_details'])
const PROMPT_DETAILS = new Set(['cached_tokens', 'cache_write_tokens', 'audio_tokens', 'video_tokens'])
const COMPLETION_DETAILS = new Set(['image_tokens', 'reasoning_tokens', 'audio_tokens'])

/** The provider's further fields as members to append to a JSON object; no nulls. */
function extraMembers(reported: Readonly<Record<string, unknown>>, known: ReadonlySet<string>): string {
  let text = ''
  for (const name in reported)
    if (reported[name] !== null && !known.has(name))
      text += `,${JSON.stringify(name)}:${JSON.stringify(reported[name])}`
  return text
}

/** The prompt's part is rounded, the completion's is the rest. */
function costText({ whole, prompt, completion }: CostParts): string {
  const cost = usdNumber(whole)
  return (
    `"cost":${cost},"cost_details":{"upstream_inference_cost":${cost},` +
    `"upstream_inference_prompt_cost":${usdNumber(prompt)},"upstream_inference_completions_cost":${usdNumber(completion)}}`
  )
}

function valueText(value: unknown): string {
  return value === undefined || value === null ? '0' : JSON.stringify(value)
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
