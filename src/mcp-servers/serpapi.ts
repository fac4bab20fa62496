import type { BundledServer } from './shared/server.ts'
import { account, findLocation } from './serpapi/account.ts'
import { engineSearch, getSearch, listEngines } from './serpapi/engine-search.ts'
import { webSearch } from './serpapi/web-search.ts'
import { createSerpapiClient } from './serpapi/client.ts'

/** SerpAPI (serpapi.com): about a hundred search engines, parsed. */
export const serpapi: BundledServer = {
  name: 'mcp_serpapi',
  title: 'SerpAPI',
  instructions:
    'About a hundred search engines through SerpAPI: Google, Bing, DuckDuckGo, YouTube, Amazon, eBay and more. Use web_search for pages; list_engines, then engine_search, for anything special. The same search within an hour is free.',
  open(dependencies) {
    const client = createSerpapiClient(dependencies)
    return {
      secrets: client.secrets,
      tools: [
        webSearch(client),
        engineSearch(client),
        listEngines(),
        getSearch(client),
        findLocation(client),
        account(client),
      ],
    }
  },
}
