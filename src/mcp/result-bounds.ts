import { type CallToolResult, type ContentBlock, SERVER_INFO_META_KEY } from '@modelcontextprotocol/client'

/** Set on a result that was cut: `{ bytes, limit }`. */
const TRUNCATED_META_KEY = 'hero-aibroker/truncated'

/**
 * A tool's result as callers get it: without what the server says of itself, and no larger than `limit` bytes. Text is
 * cut and says so; an image or a structure that doesn't fit, or long words beside them, are left out, for half of one is
 * worth nothing. A result that lost its structure becomes an error, since the tool promised one.
 */
export function boundResult(result: CallToolResult, limit: number): CallToolResult {
  const own = withoutServerInfo(result)
  const bytes = sizeOf(own)
  if (bytes <= limit) return own
  const { structuredContent, content, isError, ...beside } = own
  const structureBytes = sizeOf(structuredContent)
  const keepsStructure = structuredContent !== undefined && structureBytes <= limit / 2
  const lostStructure = structuredContent !== undefined && !keepsStructure
  const besideBytes = sizeOf(beside)
  const kept = besideBytes <= limit / 4 ? beside : {}
  const left = limit - (keepsStructure ? structureBytes : 0) - sizeOf(kept)
  return {
    ...kept,
    ...(keepsStructure && { structuredContent }),
    ...((lostStructure || isError !== undefined) && { isError: lostStructure || isError === true }),
    content: cutContent(content, left, limit),
    _meta: { ...kept._meta, [TRUNCATED_META_KEY]: { bytes, limit } },
  }
}

/** The server's name and version are its own claim; ours are put in their place by the door. */
export function withoutServerInfo<T extends { _meta?: Record<string, unknown> | undefined }>(result: T): T {
  if (result._meta === undefined || !(SERVER_INFO_META_KEY in result._meta)) return result
  const { [SERVER_INFO_META_KEY]: _, ...meta } = result._meta
  return { ...result, _meta: meta }
}

function cutContent(content: readonly ContentBlock[], room: number, limit: number): ContentBlock[] {
  let left = room
  const kept: ContentBlock[] = []
  for (const block of content) {
    const size = sizeOf(block)
    if (size <= left) {
      kept.push(block)
      left -= size
    } else if (block.type === 'text') {
      kept.push({
        ...block,
        text: `${cutText(block.text, left)}\n[cut: the result was larger than ${limit} bytes]`,
      })
      left = 0
    } else {
      const text = `[left out: ${block.type} of ${size} bytes, the limit is ${limit}]`
      kept.push({ type: 'text', text })
      left -= text.length
    }
    if (left <= 0) break
  }
  return kept
}

/** At most `bytes` of UTF-8, never half a character. */
function cutText(text: string, bytes: number): string {
  const cut = Buffer.from(text.slice(0, bytes), 'utf8').subarray(0, bytes).toString('utf8')
  return cut.replace(/[\uFFFD\uD800-\uDBFF]$/, '')
}

function sizeOf(value: unknown): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value))
}
