// How long tokens are: rules of thumb for texts whose tokens are not counted, and the bounds of any count.

/** OpenAI's rule of thumb for English text. */
export const CHARACTERS_PER_TOKEN = 4
/** In JSON bodies, which are mostly ASCII. */
export const BYTES_PER_TOKEN = 4
/** For texts that may not exceed a context window: an estimate that is rather too high than too low. */
export const CAUTIOUS_BYTES_PER_TOKEN = 3
/** Hardly any text has fewer bytes per token than this. */
export const MIN_BYTES_PER_TOKEN = 2
/** The longest tokens of cl100k and o200k, rows of spaces, have so many characters. */
export const MAX_CHARACTERS_PER_TOKEN = 128

/** Tokens that a chat template puts around a message. */
export const MESSAGE_TOKENS = 4
