// Rules of thumb for texts whose tokens are not counted.

/** OpenAI's rule of thumb for English text; of ASCII text a character is a byte. */
export const CHARACTERS_PER_TOKEN = 4
export const BYTES_PER_TOKEN = CHARACTERS_PER_TOKEN
/** For decisions in which too low a count does harm, such as whether a prompt fits a context window. */
export const CAUTIOUS_BYTES_PER_TOKEN = 3
