import { BrokerError } from '../../base/errors.ts'
import { truncate } from '../../base/text.ts'
import { modelDescription, modelSchema } from '../../mcp/policy/model-schema.ts'
import { matchesAny } from '../../mcp/policy/wildcard.ts'
import type { ListedTool, ToolList } from '../../mcp/types.ts'
import type { McpToolEntry } from '../../wire/openai/mcp-tools.ts'
import { searchTools } from './tool-search.ts'

/** Maximum number of tools that one search returns. */
const MAX_FOUND = 8
/** Characters of a description in the result of a search. */
const MAX_DESCRIPTION_SHOWN = 200

/** A tool in the form in which a model gets it. */
interface FunctionTool {
  readonly type: 'function'
  readonly function: { readonly name: string; readonly description?: string; readonly parameters: object }
}

/** The broker's tools of one chat. The model is shown all of them, or a search function and the tools that it has found. */
export class ToolSelection {
  readonly #tools: ReadonlyMap<string, ListedTool>
  readonly #shown: Set<string>
  /** The name of the search; absent when all tools are shown. */
  readonly #search: string | undefined

  /** @param taken names of the caller's own functions; tools of these names are left out. */
  constructor(tools: readonly ListedTool[], taken: ReadonlySet<string>, searchAbove: number) {
    const free = tools.filter(({ definition }) => !taken.has(definition.name))
    this.#tools = new Map(free.map((tool) => [tool.definition.name, tool]))
    const isLarge = free.length > searchAbove
    this.#search = isLarge
      ? freeName('find_tools', (name) => taken.has(name) || this.#tools.has(name))
      : undefined
    this.#shown = new Set(isLarge ? [] : this.#tools.keys())
  }

  find(name: string): ListedTool | undefined {
    return this.#tools.get(name)
  }

  isSearch(name: string): boolean {
    return name === this.#search
  }

  /** The functions that the model is shown in the next round. */
  get functions(): readonly FunctionTool[] {
    const shown = [...this.#shown].flatMap((name) => this.#tools.get(name) ?? [])
    const search = this.#search === undefined ? [] : [searchFunction(this.#search, this.#tools.size)]
    return [...search, ...shown.map(functionOf)]
  }

  /** Shows the tools that match from now on, and returns their list for the model. */
  search(query: string): string {
    const found = searchTools([...this.#tools.values()], query, MAX_FOUND)
    for (const { definition } of found) this.#shown.add(definition.name)
    if (found.length === 0) return 'No tool fits. Try other words.'
    const lines = found.map(
      ({ definition: { name, description = '' } }) =>
        `${name}: ${description.slice(0, MAX_DESCRIPTION_SHOWN)}`,
    )
    return `These tools can be called now:\n${lines.join('\n')}`
  }
}

/** The tools that the request selects. Throws `not-found` or `upstream-down` for a named server that has none. */
export function selectTools(
  { tools, unavailable }: ToolList,
  selectors: readonly McpToolEntry[],
): readonly ListedTool[] {
  for (const { server } of selectors) {
    if (server === undefined || tools.some((tool) => tool.server === server)) continue
    const down = unavailable.find((trouble) => trouble.server === server)
    if (down !== undefined)
      throw new BrokerError('upstream-down', `server “${server}” is not available: ${down.reason}`)
    throw new BrokerError(
      'not-found',
      `no MCP server “${truncate(server)}” offers you a tool; mcp.list_tools shows who does`,
    )
  }
  return tools.filter((tool) => selectors.some((selector) => isSelected(tool, selector)))
}

function isSelected({ server, definition: { name } }: ListedTool, selector: McpToolEntry): boolean {
  if (selector.server !== undefined && selector.server !== server) return false
  if (selector.allowed === undefined) return true
  const prefix = `${server}__`
  const own = name.startsWith(prefix) ? name.slice(prefix.length) : name
  return matchesAny(selector.allowed, name) || matchesAny(selector.allowed, own)
}

function functionOf({ definition }: ListedTool): FunctionTool {
  const { name, inputSchema } = definition
  const description = modelDescription(definition.description ?? definition.title)
  return {
    type: 'function',
    function: {
      name,
      ...(description === undefined ? {} : { description }),
      parameters: modelSchema(inputSchema),
    },
  }
}

function searchFunction(name: string, count: number): FunctionTool {
  return {
    type: 'function',
    function: {
      name,
      description: `Finds tools among ${count} by what they do. What it finds can be called afterwards.`,
      parameters: {
        type: 'object',
        properties: { query: { type: 'string', description: 'A few words on what is to be done.' } },
        required: ['query'],
      },
    },
  }
}

function freeName(wanted: string, isTaken: (name: string) => boolean): string {
  let name = wanted
  while (isTaken(name)) name = `${name}_`
  return name
}
