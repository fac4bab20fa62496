import { exa } from './exa.ts'
import { hero } from './hero.ts'
import type { ServerOfOurs } from './shared/server.ts'
import { ping } from './ping.ts'
import { scraperapi } from './scraperapi.ts'
import { scrapfly } from './scrapfly.ts'
import { serpapi } from './serpapi.ts'
import { serper } from './serper.ts'

/** The MCP servers we ship. Each is a program of its own: `bin/<name>.js`. */
export const servers: readonly ServerOfOurs[] = [serper, serpapi, exa, scraperapi, scrapfly, ping, hero]
