// A token of the mock provider: a word (letters, digits, underscores) or any other single character, with the white
// space before it; white space at the very end is one more token. The tokens of a text, joined, are the text.
const TOKEN = /\s*(?:[\p{L}\p{M}\p{N}_]+|[^\s\p{L}\p{M}\p{N}_])|\s+$/gu

export function tokensOf(text: string): string[] {
  return text.match(TOKEN) ?? []
}

export function countTokens(text: string): number {
  return tokensOf(text).length
}

/** The number of words as people count them: runs without white space. */
export function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0
}
