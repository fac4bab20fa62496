import type { ListedTool } from '../../mcp/types.ts'

/** Weights: a word in a tool's name says more than a word in its description. */
const IN_NAME = 4
const IN_TITLE = 2
const IN_TEXT = 1

/** The tools that match a query of a few words, best first; tools that share no word with it are left out. */
export function searchTools(tools: readonly ListedTool[], query: string, max: number): readonly ListedTool[] {
  const words = wordsOf(query)
  return tools
    .map((tool) => ({ tool, score: scoreOf(tool, words) }))
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score)
    .slice(0, max)
    .map(({ tool }) => tool)
}

function scoreOf({ definition }: ListedTool, words: readonly string[]): number {
  const { name, title = '', description = '', inputSchema } = definition
  const parameters = Object.keys(inputSchema.properties ?? {}).join(' ')
  const places = [
    [name, IN_NAME],
    [title, IN_TITLE],
    [`${description} ${parameters}`, IN_TEXT],
  ] as const
  let score = 0
  for (const [text, weight] of places) {
    const found = text.toLowerCase()
    for (const word of words) if (found.includes(word)) score += weight
  }
  return score
}

/** Words of letters and digits of any script. A single character is ignored, because it says nothing. */
function wordsOf(query: string): readonly string[] {
  return [...new Set(query.toLowerCase().match(/[\p{L}\p{N}]{2,}/gu) ?? [])]
}
