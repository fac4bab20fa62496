import { isObject } from '../../../wire/json/json-body.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import type { EncoderFacts } from '../../client-dialect.ts'

/** The id of a response, made of the id of the request. */
export function responseId(id: string): string {
  return `resp_${idStem(id)}`
}

/** What the ids of a response and of its items have in common. */
export function idStem(id: string): string {
  return id.replace(/^gen-/, '')
}

/** Fields of the request that a response repeats, with what they are when they were left out. */
const REPEATED: Fields = {
  background: false,
  frequency_penalty: 0,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  presence_penalty: 0,
  previous_response_id: null,
  prompt_cache_key: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: 'default',
  store: true,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: 'disabled',
  user: null,
}

/**
 * A response without its output. Fields that the published schema requires are there even when nothing is known of them:
 * generated clients check them.
 */
export function responseObject({ id, model, created, request }: EncoderFacts): Fields {
  const asked = request?.source?.body.value ?? {}
  return {
    id: responseId(id),
    object: 'response',
    created_at: created,
    status: 'in_progress',
    completed_at: null,
    error: null,
    incomplete_details: null,
    model,
    output: [],
    ...repeatedFrom(asked),
    usage: null,
  }
}

function repeatedFrom(asked: Fields): Fields {
  const fields: Record<string, unknown> = {}
  for (const [name, usual] of Object.entries(REPEATED)) fields[name] = asked[name] ?? usual
  // The tier that was used is the usual one, whatever was asked for.
  fields['service_tier'] = REPEATED['service_tier']
  const { text } = asked
  if (isObject(text)) fields['text'] = { format: { type: 'text' }, ...text }
  return fields
}

/** How a response ended. */
export interface Ending {
  readonly status: 'completed' | 'incomplete'
  readonly incomplete_details: Fields | null
}

/** @param reason why the choice ended: a limit or a filter leaves the response incomplete. */
export function endingOf(reason: unknown): Ending {
  if (reason === 'length')
    return { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }
  if (reason === 'content_filter')
    return { status: 'incomplete', incomplete_details: { reason: 'content_filter' } }
  return { status: 'completed', incomplete_details: null }
}
