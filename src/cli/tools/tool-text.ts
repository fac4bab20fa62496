import type { Result } from '../../sdk/index.ts'

type ToolResult = Result<'mcp.call_tool'>

/** The lines of a tool's result: text as it is, and for other content its type, because a terminal cannot show it. */
export function resultLines({ content }: ToolResult): string[] {
  return content.map(({ type, text, mimeType, uri }) =>
    typeof text === 'string'
      ? text
      : `[${[type, mimeType, uri].filter((part) => typeof part === 'string').join(' ')}]`,
  )
}
