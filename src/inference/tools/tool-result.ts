import type { CallToolResult, InputRequiredResult } from '@modelcontextprotocol/client'

type Block = CallToolResult['content'][number]

/** A result as the model reads it: its text, cut to `max` characters, with a note of how much is missing. */
export function resultText(result: CallToolResult | InputRequiredResult, max: number): string {
  if (!('content' in result)) return errorText('the tool asks for further input, which cannot be given here')
  const { content, structuredContent, isError } = result as CallToolResult
  const text = content.map(blockText).join('\n')
  const whole = text === '' && structuredContent !== undefined ? JSON.stringify(structuredContent) : text
  return isError === true ? errorText(cut(whole, max)) : cut(whole, max)
}

/** An error as the model reads it. */
export function errorText(message: string): string {
  return `Error: ${message}`
}

/** Cuts a text to `max` characters and notes the cut. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}\n[cut: ${max} of ${text.length} characters]`
}

function blockText(block: Block): string {
  if (block.type === 'text') return block.text
  if (block.type === 'resource_link') return `[${block.name}: ${block.uri}]`
  if (block.type !== 'resource') return `[${block.type} ${block.mimeType}]`
  return 'text' in block.resource ? block.resource.text : `[resource ${block.resource.uri}]`
}
