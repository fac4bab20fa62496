/** The contents to request of each page; without them the API returns only metadata. */
export function contentsFor(
  content: 'highlights' | 'text' | 'summary' | 'none',
  maxCharacters: number,
): object {
  const bound = { maxCharacters }
  const table = {
    highlights: { highlights: bound },
    text: { text: bound },
    summary: { summary: true },
    none: {},
  }
  return table[content]
}
