// Rules of thumb for texts whose tokens are not counted.

/** OpenAI's rule of thumb for English text. */
export const CHARACTERS_PER_TOKEN = 4
/** In JSON bodies, which are mostly ASCII. */
export const BYTES_PER_TOKEN = 4
