import {
  type CallToolResult,
  type ContentBlock,
  SERVER_INFO_META_KEY,
  type TextContent,
} from '@modelcontextprotocol/client'

/** The `_meta` key of a truncated result; its value is `{ bytes, limit }`. */
const TRUNCATED_META_KEY = 'hero-aibroker/truncated'
/** The comma between two content blocks. */
const COMMA_BYTES = 1
const QUOTES_BYTES = 2
/** Text is measured in pieces of this many characters, halved down to one at the cut; must be a power of two. */
const MAX_STEP = 65_536

/**
 * Limits the JSON of a tool's result to `limit` bytes and removes the server's information about itself. Text is truncated
 * with a note; an image, structured content or other fields that don't fit are left out, because half of one is useless. A
 * result that lost its structured content becomes an error, because the tool's definition promises it.
 */
export function limitResult(result: CallToolResult, limit: number): CallToolResult {
  const own = withoutServerInfo(result)
  const bytes = sizeOf(own)
  if (bytes <= limit) return own
  const { structuredContent, content, isError, ...otherFields } = own
  const keepsStructure = structuredContent !== undefined && sizeOf(structuredContent) <= limit / 2
  const lostStructure = structuredContent !== undefined && !keepsStructure
  const kept = sizeOf(otherFields) <= limit / 4 ? otherFields : {}
  const frame = {
    ...kept,
    ...(keepsStructure && { structuredContent }),
    ...((lostStructure || isError !== undefined) && { isError: lostStructure || isError === true }),
    content: [],
    _meta: { ...kept._meta, [TRUNCATED_META_KEY]: { bytes, limit } },
  }
  return { ...frame, content: cutContent(content, limit - sizeOf(frame), limit) }
}

/** Removes the server's name and version, which are unverified; the MCP endpoint adds the broker's own. */
export function withoutServerInfo<T extends { _meta?: Record<string, unknown> | undefined }>(result: T): T {
  if (result._meta === undefined || !(SERVER_INFO_META_KEY in result._meta)) return result
  const { [SERVER_INFO_META_KEY]: _, ...meta } = result._meta
  return { ...result, _meta: meta }
}

function cutContent(content: readonly ContentBlock[], maxBytes: number, limit: number): ContentBlock[] {
  const finalNote = note(`[left out: all that follows, the limit is ${limit} bytes]`)
  let left = maxBytes - sizeOf(finalNote)
  const kept: ContentBlock[] = []
  for (const block of content) {
    const fitting = fit(block, left, limit)
    if (fitting === undefined) return [...kept, finalNote]
    kept.push(fitting)
    left -= sizeOf(fitting) + COMMA_BYTES
  }
  return kept
}

/** The block, as much of its text as fits, or a note in its place; `undefined` if even the note does not fit. */
function fit(block: ContentBlock, maxBytes: number, limit: number): ContentBlock | undefined {
  const size = sizeOf(block)
  if (size <= maxBytes) return block
  const textBytes = block.type === 'text' ? maxBytes - sizeOf(cutBlock(block, '', limit)) : -1
  if (block.type === 'text' && textBytes >= 0) return cutBlock(block, cutText(block.text, textBytes), limit)
  const replacement = note(`[left out: ${block.type} of ${size} bytes, the limit is ${limit}]`)
  return sizeOf(replacement) <= maxBytes ? replacement : undefined
}

function cutBlock(block: TextContent, text: string, limit: number): TextContent {
  return { ...block, text: `${text}\n[cut: the result was larger than ${limit} bytes]` }
}

function note(text: string): TextContent {
  return { type: 'text', text }
}

/** The longest prefix that takes at most `bytes` bytes in a JSON string, without splitting a surrogate pair. */
function cutText(text: string, bytes: number): string {
  let end = 0
  let left = bytes
  for (let step = MAX_STEP; step >= 1; step /= 2) {
    for (;;) {
      const piece = text.slice(end, end + step)
      const size = sizeOf(piece) - QUOTES_BYTES
      if (piece === '' || size > left) break
      end += piece.length
      left -= size
    }
  }
  return text.slice(0, end).replace(/[\uD800-\uDBFF]$/, '')
}

function sizeOf(value: unknown): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value))
}
