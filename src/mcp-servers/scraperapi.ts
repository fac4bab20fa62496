import type { BundledServer } from './shared/server.ts'
import { account, estimateCost } from './scraperapi/account.ts'
import { getJob, submitJob } from './scraperapi/jobs.ts'
import { scrapePage, scrapeStructured } from './scraperapi/scrape.ts'
import { createScraperApiClient } from './scraperapi/client.ts'

/** ScraperAPI (scraperapi.com): reads a page through rotating proxies. */
export const scraperapi: BundledServer = {
  name: 'mcp_scraperapi',
  title: 'ScraperAPI',
  instructions:
    'Reads web pages through rotating proxies (ScraperAPI). scrape_page for one page, scrape_structured for parsed data of big shops and search sites, submit_job and get_job for many pages. Start with the cheapest options; raise tier or render only when the site refuses.',
  open(dependencies) {
    const client = createScraperApiClient(dependencies)
    return {
      secrets: client.secrets,
      tools: [
        scrapePage(client),
        scrapeStructured(client),
        submitJob(client),
        getJob(client),
        estimateCost(client),
        account(client),
      ],
    }
  },
}
