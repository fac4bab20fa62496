import { z } from 'zod'
import { ToolFailure } from '../shared/tool-failure.ts'
import { freshness, periodOf, query, searchShape } from '../shared/schemas.ts'
import type { SearchRow } from '../shared/schemas.ts'
import { showSearch } from '../shared/format.ts'
import { tool } from '../shared/tool.ts'
import { locale } from './locale.ts'
import type { PaidReply, Reply, SerperClient } from './client.ts'

/** More than ten rows in one request are best effort since September 2025, and more expensive; so pages are requested. */
const ROWS_PER_PAGE = 10

export const webSearch = (client: SerperClient) =>
  tool({
    name: 'web_search',
    title: 'Google search',
    description:
      "Searches the web with Google's index (through Serper) and returns titles, addresses and snippets, with Google's direct answer where there is one. Best general choice; operators such as site: work. For news, images, places or papers use vertical_search.",
    input: z.strictObject({
      query,
      ...locale,
      limit: z
        .int()
        .min(1)
        .max(20)
        .default(10)
        .describe('Maximum number of results; above 10 costs a second query.'),
      page: z.int().min(1).max(10).default(1).describe('Page of results to start with.'),
      freshness: freshness.optional(),
      autocorrect: z.boolean().default(true).describe('Let Google correct spelling.'),
    }),
    output: searchShape.extend({
      knowledge: z.looseObject({}).optional().describe("Google's panel about a person, place or thing."),
      questions: z
        .array(z.looseObject({}))
        .optional()
        .describe('Questions that people also ask, with answers.'),
    }),
    async run({ query, country, language, location, limit, page, freshness, autocorrect }, signal) {
      const body = { q: query, gl: country, hl: language, location, autocorrect, tbs: periodOf(freshness) }
      const { paid, warnings } = await searchPages(
        client,
        { ...body, num: Math.min(limit, ROWS_PER_PAGE) },
        page,
        limit,
        signal,
      )
      const [first] = paid
      const data = {
        provider: 'serper',
        query,
        results: organicRows(paid).slice(0, limit),
        ...extras(first.reply),
        warnings: warnings.length === 0 ? undefined : warnings,
        usage: client.usage(paid),
        truncated: warnings.length > 0,
      }
      return { data, text: showSearch(data) }
    },
  })

/** Fetches one page or two. If the second fails, a warning is returned, because the first is already paid for. */
async function searchPages(
  client: SerperClient,
  body: object,
  page: number,
  limit: number,
  signal: AbortSignal,
): Promise<{ paid: [PaidReply, ...PaidReply[]]; warnings: string[] }> {
  const first = await client.search('/search', { ...body, page }, signal)
  if (limit <= ROWS_PER_PAGE || (first.reply.organic?.length ?? 0) === 0)
    return { paid: [first], warnings: [] }
  try {
    return {
      paid: [first, await client.search('/search', { ...body, page: page + 1 }, signal)],
      warnings: [],
    }
  } catch (thrown) {
    if (!(thrown instanceof ToolFailure) || thrown.kind === 'cancelled') throw thrown
    return { paid: [first], warnings: [`the second page failed (${thrown.kind}: ${thrown.message})`] }
  }
}

export function organicRows(paid: readonly PaidReply[]): SearchRow[] {
  const seen = new Set<string>()
  const rows: SearchRow[] = []
  for (const row of paid.flatMap(({ reply }) => reply.organic ?? [])) {
    const { link, title, snippet, date } = row
    if (typeof link !== 'string' || seen.has(link)) continue
    seen.add(link)
    rows.push({
      position: rows.length + 1,
      title: typeof title === 'string' ? title : link,
      url: link,
      snippet: typeof snippet === 'string' ? snippet : undefined,
      publishedAt: typeof date === 'string' ? date : undefined,
    })
  }
  return rows
}

function extras(reply: Reply) {
  const box = reply.answerBox
  const answer = box?.answer ?? box?.snippet ?? box?.title
  const related = (reply.relatedSearches ?? [])
    .map((row) => row.query)
    .filter((query) => typeof query === 'string')
  return {
    answer: answer == null ? undefined : { text: answer, url: box?.link ?? undefined },
    knowledge: reply.knowledgeGraph ?? undefined,
    questions: reply.peopleAlsoAsk ?? undefined,
    related: related.length > 0 ? related : undefined,
  }
}
