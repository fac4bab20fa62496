import type { Result } from '../../sdk/index.ts'

type ToolResult = Result<'mcp.call_tool'>

/** What a tool said, line by line. Text as it is; of anything else what it is, for it has no place on a terminal. */
export function resultLines({ content }: ToolResult): string[] {
  return content.map(({ type, text, mimeType, uri }) =>
    typeof text === 'string'
      ? text
      : `[${[type, mimeType, uri].filter((part) => typeof part === 'string').join(' ')}]`,
  )
}
