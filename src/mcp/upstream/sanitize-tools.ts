import { createHash } from 'node:crypto'
import type { Tool } from '@modelcontextprotocol/client'

const MOST_TOOLS = 1000
const LONGEST_DEFINITION = 64 * 1024
const DEEPEST_SCHEMA = 40

/** C0 and C1 controls (except tab and newline), zero-width and bidirectional characters, and Unicode tags: text that a
 * model reads and a person does not see. */
const INVISIBLE =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- the class is the point
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu

export interface CleanTools {
  readonly tools: readonly Tool[]
  /** Tools that were rejected, and why. */
  readonly refused: readonly string[]
}

/** Removes invisible characters from a server's tools and rejects definitions beyond the limits. */
export function cleanTools(tools: readonly Tool[]): CleanTools {
  const kept = new Map<string, Tool>()
  const refused: string[] = []
  for (const tool of tools) {
    const problem = kept.size >= MOST_TOOLS ? `more than ${MOST_TOOLS} tools` : problemOf(tool)
    if (problem === undefined && !kept.has(tool.name)) kept.set(tool.name, withoutInvisible(tool) as Tool)
    else refused.push(`${tool.name.slice(0, 128).replace(INVISIBLE, '')}: ${problem ?? 'named twice'}`)
  }
  return { tools: [...kept.values()], refused: refused.slice(0, 20) }
}

function problemOf(tool: Tool): string | undefined {
  if (depthOf(tool.inputSchema) > DEEPEST_SCHEMA) return `its schema is deeper than ${DEEPEST_SCHEMA}`
  const text = JSON.stringify(tool)
  if (text.length > LONGEST_DEFINITION)
    return `its definition is longer than ${LONGEST_DEFINITION} characters`
  if (/"\$ref":"(?!#)/.test(text)) return 'its schema refers to another document'
  return undefined
}

function depthOf(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null || depth > DEEPEST_SCHEMA) return depth
  return Object.values(value).reduce<number>((most, part) => Math.max(most, depthOf(part, depth + 1)), depth)
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
  const told = { name, title, description, inputSchema, outputSchema, annotations }
  return createHash('sha256').update(canonical(told)).digest('hex')
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
