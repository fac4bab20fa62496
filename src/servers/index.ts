import type { ServerOfOurs } from './kit/server.ts'
import { ping } from './ping.ts'

/** The MCP servers we ship. Each is a program of its own: `bin/<name>.js`. */
export const servers: readonly ServerOfOurs[] = [ping]
