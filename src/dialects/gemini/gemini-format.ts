/** How OpenRouter names the format of Gemini's thoughts in `reasoning_details`. */
export const GEMINI_FORMAT = 'google-gemini-v1'

/**
 * What a client writes in place of a signature that it does not have; Google's documentation names it for histories of other
 * models (https://ai.google.dev/gemini-api/docs/thought-signatures, read 2026-11), and Gemini CLI sends it.
 */
export const NO_SIGNATURE = 'skip_thought_signature_validator'
