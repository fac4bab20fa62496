import type { CallToolResult, InputRequiredResult } from '@modelcontextprotocol/client'

type Block = CallToolResult['content'][number]

/** A picture in the result of a tool. */
export interface ResultImage {
  readonly mimeType: string
  /** Base64. */
  readonly data: string
}

/**
 * A result as the model reads it: its text, cut to `max` characters, with a note of how much is missing. It is never empty, because
 * models take an empty result for a failure, and some providers refuse it.
 */
export function resultText(result: CallToolResult | InputRequiredResult, max: number): string {
  if (!('content' in result)) return errorText('the tool asks for further input, which cannot be given here')
  const { content, structuredContent, isError } = result as CallToolResult
  const whole = withStructure(content, structuredContent)
  if (isError === true)
    return errorText(whole.trim() === '' ? 'the tool failed and gave no reason' : cut(whole, max))
  return whole.trim() === '' ? 'The tool ran and returned nothing.' : cut(whole, max)
}

/**
 * The text of all blocks. Structured content follows it, unless a block holds JSON: servers are to send it as text too
 * (specification of 2025-06-18, “Structured Content”), but not all do.
 */
function withStructure(content: readonly Block[], structured: unknown): string {
  const text = content.map(blockText).join('\n')
  if (structured === undefined || content.some(holdsJson)) return text
  return text.trim() === '' ? JSON.stringify(structured) : `${text}\n${JSON.stringify(structured)}`
}

function holdsJson(block: Block): boolean {
  if (block.type !== 'text' || !/^\s*[[{]/.test(block.text)) return false
  try {
    JSON.parse(block.text)
    return true
  } catch {
    return false
  }
}

/** The pictures of a result, also those in embedded resources. Providers read only these types. */
export function resultImages(result: CallToolResult | InputRequiredResult): readonly ResultImage[] {
  if (!('content' in result)) return []
  return (result as CallToolResult).content.flatMap((block) => {
    const image = imageIn(block)
    return image !== undefined && image.data !== '' && IMAGE_TYPES.has(image.mimeType) ? [image] : []
  })
}

const IMAGE_TYPES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])

function imageIn(block: Block): ResultImage | undefined {
  if (block.type === 'image') return { mimeType: block.mimeType.toLowerCase(), data: block.data }
  if (block.type !== 'resource' || !('blob' in block.resource)) return undefined
  const { mimeType = '', blob } = block.resource
  return { mimeType: mimeType.toLowerCase(), data: blob }
}

/**
 * The message that shows a model the pictures of a round's calls. A message of a tool holds text only in OpenAI's protocol, so
 * they follow in a message of the user. Absent without pictures.
 */
export function imagesMessage(
  calls: readonly { readonly name: string; readonly images: readonly ResultImage[] }[],
): object | undefined {
  const parts = calls.flatMap(({ name, images }) =>
    images.length === 0
      ? []
      : [
          { type: 'text', text: `Returned by the tool ${name}:` },
          ...images.map(({ mimeType, data }) => ({
            type: 'image_url',
            image_url: { url: `data:${mimeType};base64,${data}` },
          })),
        ],
  )
  return parts.length === 0 ? undefined : { role: 'user', content: parts }
}

/** An error as the model reads it. */
export function errorText(message: string): string {
  return `Error: ${message}`
}

/** Cuts a text to `max` characters and notes the cut. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}\n[cut: ${max} of ${text.length} characters]`
}

function linkText({
  name,
  title,
  uri,
  mimeType,
  description,
}: Extract<Block, { type: 'resource_link' }>): string {
  const kind = mimeType === undefined ? '' : ` (${mimeType})`
  const about = description === undefined ? '' : `: ${description}`
  return `[${title ?? name}: ${uri}${kind}]${about}`
}

function blockText(block: Block): string {
  if (block.type === 'text') return block.text
  if (block.type === 'resource_link') return linkText(block)
  if (block.type !== 'resource') return `[${block.type} ${block.mimeType}]`
  return 'text' in block.resource ? block.resource.text : `[resource ${block.resource.uri}]`
}
