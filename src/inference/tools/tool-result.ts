import type { CallToolResult, InputRequiredResult } from '@modelcontextprotocol/client'

type Block = CallToolResult['content'][number]

/** What a model is told of a result: its text, cut to `most` characters with a word about what is missing. */
export function resultText(result: CallToolResult | InputRequiredResult, most: number): string {
  if (!('content' in result))
    return errorText('the tool asks something back, which nobody is there to answer')
  const { content, structuredContent, isError } = result as CallToolResult
  const text = content.map(blockText).join('\n')
  const whole = text === '' && structuredContent !== undefined ? JSON.stringify(structuredContent) : text
  return isError === true ? errorText(cut(whole, most)) : cut(whole, most)
}

export function errorText(message: string): string {
  return `Error: ${message}`
}

export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}\n[cut: ${most} of ${text.length} characters]`
}

function blockText(block: Block): string {
  if (block.type === 'text') return block.text
  if (block.type === 'resource_link') return `[${block.name}: ${block.uri}]`
  if (block.type !== 'resource') return `[${block.type} ${block.mimeType}]`
  return 'text' in block.resource ? block.resource.text : `[resource ${block.resource.uri}]`
}
