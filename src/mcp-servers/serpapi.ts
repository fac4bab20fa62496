import type { ServerOfOurs } from './shared/server.ts'
import { account, findLocation } from './serpapi/account.ts'
import { engineSearch, getSearch, listEngines } from './serpapi/engine-search.ts'
import { webSearch } from './serpapi/web-search.ts'
import { openWire } from './serpapi/client.ts'

/** SerpAPI (serpapi.com): about a hundred search engines, parsed. */
export const serpapi: ServerOfOurs = {
  name: 'mcp_serpapi',
  title: 'SerpAPI',
  instructions:
    'About a hundred search engines through SerpAPI: Google, Bing, DuckDuckGo, YouTube, Amazon, eBay and more. Use web_search for pages; list_engines, then engine_search, for anything special. The same search within an hour is free.',
  open(surroundings) {
    const wire = openWire(surroundings)
    return {
      secrets: wire.secrets,
      tools: [
        webSearch(wire),
        engineSearch(wire),
        listEngines(),
        getSearch(wire),
        findLocation(wire),
        account(wire),
      ],
    }
  },
}
