import type { FieldRule } from '../field-rule.ts'

/**
 * What becomes of a chat's fields at a provider whose protocol has no place for them. A field that is not named here steers
 * the broker, or is unknown to it: it is left out like at every provider.
 */
export const CHAT_RULES: Readonly<Record<string, FieldRule>> = {
  frequency_penalty: 'dropped',
  presence_penalty: 'dropped',
  repetition_penalty: 'dropped',
  logit_bias: 'dropped',
  min_p: 'dropped',
  top_a: 'dropped',
  seed: 'dropped',
  verbosity: 'dropped',
  prompt_cache_key: 'dropped',
  safety_identifier: 'dropped',
  store: 'dropped',
  audio: 'refused',
  functions: 'refused',
  function_call: 'refused',
  logprobs: 'refused',
  top_logprobs: 'refused',
  modalities: 'refused',
  prediction: 'refused',
  web_search_options: 'refused',
}
