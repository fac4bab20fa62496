import type { Prompt, Resource, ResourceTemplateType, Tool } from '@modelcontextprotocol/client'
import type { ServerConfig } from '../config/config.ts'
import type { Connection, ListKind } from '../connection/connection.ts'
import { sanitizeTools, visibleText } from './pinning/sanitize-tools.ts'
import { matchesAny } from '../policy/wildcard.ts'

/** The lists of one server, under its own names. */
export interface ServerLists {
  readonly tools: readonly Tool[]
  readonly prompts: readonly Prompt[]
  readonly resources: readonly Resource[]
  readonly templates: readonly ResourceTemplateType[]
  /** Why tools were rejected and which lists could not be loaded. */
  readonly problems: readonly string[]
}

export const NO_LISTS: ServerLists = { tools: [], prompts: [], resources: [], templates: [], problems: [] }

/** Loads all lists of a server concurrently. Throws if the tools fail; another list that fails is empty and named in `problems`. */
export async function loadLists(
  connection: Connection,
  config: ServerConfig,
  signal: AbortSignal,
): Promise<ServerLists> {
  const problems: string[] = []
  const orEmpty = async <T>(what: string, list: Promise<T[]>): Promise<T[]> => {
    try {
      return await list
    } catch {
      problems.push(`its ${what} could not be listed`)
      return []
    }
  }
  const [tools, prompts, resources, templates] = await Promise.all([
    connection.listTools(signal),
    orEmpty('prompts', connection.listPrompts(signal)),
    orEmpty('resources', connection.listResources(signal)),
    orEmpty('resource templates', connection.listResourceTemplates(signal)),
  ])
  const sanitized = sanitizeTools(tools)
  const allowed = sanitized.tools.filter(
    ({ name }) => matchesAny(config.allow, name) && !matchesAny(config.deny, name),
  )
  return {
    tools: allowed,
    prompts,
    resources,
    templates,
    problems: [...problems, ...connection.listProblems.map(visibleText), ...sanitized.rejected],
  }
}

/** Which lists differ between two loads. */
export function changedLists(before: ServerLists, after: ServerLists): ListKind[] {
  const differ = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b)
  return [
    ...(differ(before.tools, after.tools) ? (['tools'] as const) : []),
    ...(differ(before.prompts, after.prompts) ? (['prompts'] as const) : []),
    ...(differ([before.resources, before.templates], [after.resources, after.templates])
      ? (['resources'] as const)
      : []),
  ]
}
