import type { Tool } from '@modelcontextprotocol/client'
import type { ServerConfig } from '../../config/config.ts'
import { definitionHash } from './sanitize-tools.ts'

/** A tool's definition as it was approved. */
export interface ToolPin {
  readonly server: string
  readonly tool: string
  readonly hash: string
  readonly definition: Tool
}

/** Persistent storage of pins. */
export interface PinStore {
  read(): readonly ToolPin[]
  write(pins: readonly ToolPin[]): void
}

/** A tool that is not listed until it is approved. */
export interface HeldTool {
  readonly server: string
  readonly tool: string
  readonly reason: 'new' | 'changed'
  /** The approved definition, for a tool that changed. */
  readonly approved: Tool | undefined
  readonly found: Tool
}

/**
 * Remembers the approved definitions of tools. All tools of a server are approved when it is first listed; afterwards a tool
 * that changed, or that is new (a changed tool could hide behind a rename), waits for a person's approval.
 */
export class ToolPins {
  readonly #store: PinStore
  readonly #pins = new Map<string, ToolPin>()
  readonly #held = new Map<string, HeldTool>()

  constructor(store: PinStore) {
    this.#store = store
    for (const pin of store.read()) this.#pins.set(keyOf(pin.server, pin.tool), pin)
  }

  /** Filters the complete list of one server: returns the approved tools and holds the others. */
  filterApproved({ name: server, review }: ServerConfig, tools: readonly Tool[]): Tool[] {
    const isFirstLoad = review !== 'all' && ![...this.#pins.values()].some((pin) => pin.server === server)
    for (const [key, held] of this.#held) if (held.server === server) this.#held.delete(key)
    const newPins: ToolPin[] = []
    const approvedTools = tools.filter((tool) => {
      const hash = definitionHash(tool)
      const pin = this.#pins.get(keyOf(server, tool.name))
      if (pin?.hash === hash) return true
      if (review === 'off' || isFirstLoad) {
        newPins.push({ server, tool: tool.name, hash, definition: tool })
        return true
      }
      const reason = pin === undefined ? 'new' : 'changed'
      this.#held.set(keyOf(server, tool.name), {
        server,
        tool: tool.name,
        reason,
        approved: pin?.definition,
        found: tool,
      })
      return false
    })
    this.#save(newPins)
    return approvedTools
  }

  /** Whether this definition is the approved one. */
  isApproved(server: string, tool: Tool): boolean {
    return this.#pins.get(keyOf(server, tool.name))?.hash === definitionHash(tool)
  }

  /** The tools that wait for approval. */
  held(): readonly HeldTool[] {
    return [...this.#held.values()]
  }

  /** Approves the definition that was found; returns `false` if no tool of that name is held. */
  approve(server: string, tool: string): boolean {
    const held = this.#held.get(keyOf(server, tool))
    if (held === undefined) return false
    this.#held.delete(keyOf(server, tool))
    this.#save([{ server, tool, hash: definitionHash(held.found), definition: held.found }])
    return true
  }

  #save(pins: readonly ToolPin[]): void {
    if (pins.length === 0) return
    for (const pin of pins) this.#pins.set(keyOf(pin.server, pin.tool), pin)
    this.#store.write([...this.#pins.values()])
  }
}

/** A store that keeps pins in memory only. */
export function createMemoryPinStore(): PinStore {
  return { read: () => [], write: () => undefined }
}

function keyOf(server: string, tool: string): string {
  return `${server}\0${tool}`
}
