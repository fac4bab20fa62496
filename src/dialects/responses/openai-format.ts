/** OpenRouter's name for the form of OpenAI's opaque reasoning. */
export const OPENAI_FORMAT = 'openai-responses-v1'
