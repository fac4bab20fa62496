/** OpenRouter's name of the form that Anthropic's thinking has in `reasoning_details`. */
export const ANTHROPIC_FORMAT = 'anthropic-claude-v1'
