/** What to ask of each page. The raw API returns nothing but metadata without it. */
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
