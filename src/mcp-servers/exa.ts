import { answer } from './exa/answer.ts'
import { fetchPages } from './exa/fetch-pages.ts'
import { findSimilar, webSearch } from './exa/search.ts'
import { createExaClient } from './exa/client.ts'
import type { BundledServer } from './shared/server.ts'

/** Exa (exa.ai): search by meaning over its own index, with the contents of pages. */
export const exa: BundledServer = {
  name: 'mcp_exa',
  title: 'Exa',
  instructions:
    "Search by meaning in Exa's own index. Describe in a sentence what the page you want is about. web_search finds pages with their best passages, fetch_pages reads them, answer gives a short answer with sources.",
  open(dependencies) {
    const client = createExaClient(dependencies)
    return {
      secrets: client.secrets,
      tools: [webSearch(client), fetchPages(client), answer(client), findSimilar(client)],
    }
  },
}
