import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file of MCP servers in `folder`, for `MCP_CONFIG_PATH`. `write` replaces its content. */
export function mcpFile(folder: string, mcpServers: object, more: object = {}) {
  const path = join(folder, 'mcp.json')
  const write = (servers: object, rest: object = {}): void =>
    writeFileSync(path, JSON.stringify({ mcpServers: servers, ...rest }))
  write(mcpServers, more)
  return { path, write, env: { MCP_CONFIG_PATH: path } }
}
