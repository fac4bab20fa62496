import type { BundledServer } from './shared/server.ts'
import { account, placeReviews, scrapePage } from './serper/pages.ts'
import { imageLookup, verticalSearch } from './serper/vertical-search.ts'
import { webSearch } from './serper/web-search.ts'
import { createSerperClient } from './serper/client.ts'

/** Serper (serper.dev): Google's results, paid per query. */
export const serper: BundledServer = {
  name: 'mcp_serper',
  title: 'Serper',
  instructions:
    'Google search through Serper, one credit per query. Start with web_search; use vertical_search for one kind of thing (news, places, papers), scrape_page to read a result.',
  open(dependencies) {
    const client = createSerperClient(dependencies)
    return {
      secrets: client.secrets,
      tools: [
        webSearch(client),
        verticalSearch(client),
        placeReviews(client),
        imageLookup(client),
        scrapePage(client),
        account(client),
      ],
    }
  },
}
