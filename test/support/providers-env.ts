import type { ScriptedUpstream } from './scripted-upstream.ts'

/** Variables that put `upstream` in OpenAI's place. */
export function openaiAt(
  { baseUrl }: Pick<ScriptedUpstream, 'baseUrl'>,
  keys = 'test-key',
): Record<string, string> {
  return { OPENAI_API_KEYS: keys, AIBROKER_OPENAI_URL: baseUrl }
}

/** Variables that put `upstream` in Groq's place. */
export function groqAt(
  { baseUrl }: Pick<ScriptedUpstream, 'baseUrl'>,
  keys = 'test-key',
): Record<string, string> {
  return { GROQ_API_KEYS: keys, AIBROKER_GROQ_URL: baseUrl }
}

/** Variables that put `upstream` in OpenRouter's place. */
export function openrouterAt(
  { baseUrl }: Pick<ScriptedUpstream, 'baseUrl'>,
  keys = 'test-key',
): Record<string, string> {
  return { OPENROUTER_API_KEYS: keys, AIBROKER_OPENROUTER_URL: baseUrl }
}
