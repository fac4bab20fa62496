import type { BundledServer } from './shared/server.ts'
import { account } from './scrapfly/account.ts'
import { extract } from './scrapfly/extract.ts'
import { scrapePage } from './scrapfly/scrape.ts'
import { screenshot } from './scrapfly/screenshot.ts'
import { createScrapflyClient } from './scrapfly/client.ts'

/** Scrapfly (scrapfly.io): reads pages with a browser and past robot checks. It only reads: no scripts, clicks or forms. */
export const scrapfly: BundledServer = {
  name: 'mcp_scrapfly',
  title: 'Scrapfly',
  instructions:
    'Reads web pages, even ones that need a browser or refuse robots (Scrapfly). Start with scrape_page and its defaults; add render_js for pages made by scripts, anti_bot with a cost_budget for sites that refuse. screenshot shows a page, extract turns one into data.',
  open(dependencies) {
    const client = createScrapflyClient(dependencies)
    return {
      secrets: client.secrets,
      tools: [scrapePage(client), screenshot(client), extract(client), account(client)],
    }
  },
}
