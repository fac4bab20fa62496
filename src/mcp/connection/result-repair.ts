type Item = Readonly<Record<string, unknown>>

/** The texts that a block must have, by its type (specification of 2025-06-18, “Tool Result”). */
const BLOCKS: Readonly<Record<string, readonly string[]>> = {
  text: ['text'],
  image: ['data', 'mimeType'],
  audio: ['data', 'mimeType'],
  resource_link: ['uri', 'name'],
}
/** The characters of a block of an unknown type that are kept. */
const MAX_UNKNOWN_BLOCK = 10_000

/**
 * The result of a tool call as the SDK accepts it, which refuses a whole result for one odd block: a text or one block in place of
 * the list of blocks, blocks of unknown types as their JSON, `null` as absent, structured content that is no object as text, and the
 * `toolResult` of the first revision. A result that asks for input stays as it is.
 */
export function repairResult(result: unknown): unknown {
  if (!isItem(result) || (result['resultType'] ?? 'complete') !== 'complete') return result
  const { content, structuredContent, isError, toolResult, _meta, ...rest } = result
  const isStructured = isItem(structuredContent)
  const blocks = blocksOf(content ?? toolResult).map(repairBlock)
  if (blocks.length === 0 && !isStructured && structuredContent != null)
    blocks.push(asText(structuredContent))
  return {
    ...rest,
    content: blocks,
    ...(isStructured && { structuredContent }),
    ...(isError != null && { isError: isError === true || isError === 'true' }),
    ...(isItem(_meta) && { _meta }),
  }
}

function blocksOf(content: unknown): readonly unknown[] {
  if (content == null) return []
  return Array.isArray(content) ? content : [content]
}

function repairBlock(given: unknown): Item {
  if (!isItem(given)) return asText(given)
  const block = withoutNulls(given)
  if (block['type'] === 'resource') return isResource(block['resource']) ? block : asText(block)
  const named = block['type'] === 'resource_link' ? { ...block, name: block['name'] ?? block['uri'] } : block
  const fields = BLOCKS[String(block['type'])]
  const isKnown = fields?.every((field) => typeof named[field] === 'string') === true
  return isKnown ? named : asText(named)
}

function isResource(resource: unknown): boolean {
  if (!isItem(resource) || typeof resource['uri'] !== 'string') return false
  return typeof resource['text'] === 'string' || typeof resource['blob'] === 'string'
}

function asText(value: unknown): Item {
  if (typeof value === 'string') return { type: 'text', text: value }
  return { type: 'text', text: JSON.stringify(value).slice(0, MAX_UNKNOWN_BLOCK) }
}

function withoutNulls(item: Item): Item {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null))
}

function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
