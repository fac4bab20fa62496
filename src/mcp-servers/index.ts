import type { BundledServer } from './shared/server.ts'

/** The bundled MCP servers by program name, `bin/<name>.js`. A program loads its own server only. */
export const servers: Readonly<Record<string, () => Promise<BundledServer>>> = {
  mcp_serper: async () => (await import('./serper.ts')).serper,
  mcp_serpapi: async () => (await import('./serpapi.ts')).serpapi,
  mcp_exa: async () => (await import('./exa.ts')).exa,
  mcp_scraperapi: async () => (await import('./scraperapi.ts')).scraperapi,
  mcp_scrapfly: async () => (await import('./scrapfly.ts')).scrapfly,
  mcp_ping: async () => (await import('./ping.ts')).ping,
  mcp_hero: async () => (await import('./hero.ts')).hero,
}
