import { createHash } from 'node:crypto'
import type { Tool } from '@modelcontextprotocol/client'

const MAX_TOOLS = 1000
const MAX_DEFINITION_LENGTH = 64 * 1024
const MAX_SCHEMA_DEPTH = 40

/** C0 and C1 controls (except tab and newline), zero-width and bidirectional characters, and Unicode tags: text that a
 * model reads and a person does not see. */
const INVISIBLE =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- the class is the point
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu

export interface SanitizedTools {
  readonly tools: readonly Tool[]
  /** Tools that were rejected, and why. */
  readonly rejected: readonly string[]
}

/** Removes invisible characters from a server's tools and rejects definitions beyond the limits. */
export function sanitizeTools(tools: readonly Tool[]): SanitizedTools {
  const kept = new Map<string, Tool>()
  const rejected: string[] = []
  for (const tool of tools) {
    const problem = kept.size >= MAX_TOOLS ? `more than ${MAX_TOOLS} tools` : problemOf(tool)
    if (problem === undefined && !kept.has(tool.name)) kept.set(tool.name, withoutInvisible(tool) as Tool)
    else rejected.push(visibleText(`${tool.name.slice(0, 128)}: ${problem ?? 'named twice'}`))
  }
  return { tools: [...kept.values()], rejected: rejected.slice(0, 20) }
}

/** A text of a server without invisible characters. */
export function visibleText(text: string): string {
  return text.replace(INVISIBLE, '')
}

function problemOf(tool: Tool): string | undefined {
  if (depthOf(tool.inputSchema) > MAX_SCHEMA_DEPTH) return `its schema is deeper than ${MAX_SCHEMA_DEPTH}`
  const text = JSON.stringify(tool)
  if (text.length > MAX_DEFINITION_LENGTH)
    return `its definition is longer than ${MAX_DEFINITION_LENGTH} characters`
  if (/"\$ref":"(?!#)/.test(text)) return 'its schema refers to another document'
  return undefined
}

function depthOf(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null || depth > MAX_SCHEMA_DEPTH) return depth
  return Object.values(value).reduce<number>((max, part) => Math.max(max, depthOf(part, depth + 1)), depth)
}

function withoutInvisible(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(INVISIBLE, '')
  if (Array.isArray(value)) return value.map(withoutInvisible)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutInvisible(part)]))
}

/** A hash of everything that a model sees of a tool, independent of the order of keys. */
export function definitionHash({
  name,
  title,
  description,
  inputSchema,
  outputSchema,
  annotations,
}: Tool): string {
  const visible = { name, title, description, inputSchema, outputSchema, annotations }
  return createHash('sha256').update(canonical(visible)).digest('hex')
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const parts = Object.entries(value)
    .filter(([, part]) => part !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, part]) => `${JSON.stringify(key)}:${canonical(part)}`)
  return `{${parts.join(',')}}`
}
