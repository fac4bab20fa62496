import { z } from 'zod'
import { sumUsd } from '../shared/cost.ts'
import { country, query, searchRow, searchShape } from '../shared/schemas.ts'
import { showSearch } from '../shared/format.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { cut } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import { contentsFor } from './contents.ts'
import { LONG_TIMEOUT_MS, TIMEOUT_MS } from './client.ts'
import type { ExaClient, Row } from './client.ts'

const domains = z
  .array(
    z
      .string()
      .regex(/^[A-Za-z0-9.-]+(\/[^\s]*)?$/, 'a domain such as example.org')
      .max(200),
  )
  .max(100)
const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?$/, 'a date such as 2026-10-01')
  .describe('ISO date, for example 2026-10-01.')

const input = z.strictObject({
  query: query.describe('A sentence about the page you want works best.'),
  limit: z.int().min(1).max(25).default(8).describe('Maximum number of results; above 10 costs more.'),
  type: z
    .enum(['auto', 'lite', 'deep'])
    .default('auto')
    .describe('lite: cheapest, cached pages only. deep: thorough, slower and more expensive.'),
  category: z
    .enum(['company', 'publication', 'news', 'personal site', 'financial report', 'people'])
    .optional()
    .describe('A kind of page to prefer. company and people allow no date filters and no exclude_domains.'),
  include_domains: domains.optional().describe('Only these domains.'),
  exclude_domains: domains.optional().describe('Never these domains.'),
  published_after: day.optional(),
  published_before: day.optional(),
  country: country.optional(),
  content: z
    .enum(['highlights', 'text', 'summary', 'none'])
    .default('highlights')
    .describe('What to return of each page; highlights are free.'),
  max_chars_per_result: z
    .int()
    .min(200)
    .max(20_000)
    .default(2000)
    .describe('Maximum length of the text per result.'),
  max_age_hours: z
    .int()
    .min(-1)
    .max(8760)
    .optional()
    .describe('Oldest cached copy to accept; 0 reads pages anew, -1 takes only cached ones.'),
})

type Input = z.output<typeof input>

const output = searchShape.extend({
  results: z.array(
    searchRow.extend({
      highlights: z.array(z.string()).optional(),
      text: z.string().optional(),
      summary: z.string().optional(),
      author: z.string().optional(),
      score: z.number().optional(),
    }),
  ),
})

export const webSearch = (client: ExaClient) =>
  tool({
    name: 'web_search',
    title: 'Search by meaning',
    description:
      "Searches Exa's own index by meaning and returns pages with their best passages. Choose it when you can describe what you look for but not its words, for companies, people, papers and reports. For exact words or operators like site: use a Google search.",
    input: input.superRefine((args, context) => {
      for (const path of conflictsOf(args)) {
        const message = `category '${args.category}' can't be combined with ${path}; leave one of them out`
        context.addIssue({ code: 'custom', path: [path], message })
      }
    }),
    output,
    async run(args, signal) {
      return search(client, args, signal)
    },
  })

/** Exa responds with 400 to these combinations, so they are rejected before it is called. */
function conflictsOf(args: Input): string[] {
  if (args.category !== 'company' && args.category !== 'people') return []
  return (['published_after', 'published_before', 'exclude_domains'] as const).filter(
    (name) => args[name] !== undefined,
  )
}

async function search(client: ExaClient, args: Input, signal: AbortSignal) {
  const { body, warnings } = bodyFor(args)
  const { reply, usage } = await client.post(
    '/search',
    body,
    args.type === 'deep' ? LONG_TIMEOUT_MS : TIMEOUT_MS,
    signal,
  )
  const rows = (reply.results ?? [])
    .slice(0, args.limit)
    .map((row) => presentRow(row, args.max_chars_per_result))
  const results = rows.flatMap(({ row }) => row ?? []).map((row, index) => ({ position: index + 1, ...row }))
  const truncated = rows.some((row) => row.isCut)
  const all = [
    ...warnings,
    ...(reply.warnings ?? []).map((warning) =>
      typeof warning === 'string' ? warning : JSON.stringify(warning),
    ),
  ]
  const data = {
    provider: 'exa',
    query: args.query,
    results,
    warnings: all.length > 0 ? all : undefined,
    usage,
    truncated,
  }
  return { data, text: showSearch(data) }
}

/** `lite` returns cached pages and rejects filters, so they are dropped with a warning. */
function bodyFor(args: Input): { body: object; warnings: string[] } {
  const filters = {
    category: args.category,
    includeDomains: args.include_domains,
    excludeDomains: args.exclude_domains,
    startPublishedDate: args.published_after,
    endPublishedDate: args.published_before,
    userLocation: args.country?.toUpperCase(),
  }
  const used = Object.entries(filters).filter(([, value]) => value !== undefined)
  const core = { query: args.query, type: args.type, numResults: args.limit }
  const contents = contentsFor(args.content, args.max_chars_per_result)
  if (args.type !== 'lite') {
    const age = args.max_age_hours === undefined ? {} : { maxAgeHours: args.max_age_hours }
    const wanted = args.content === 'none' ? {} : { contents: { ...contents, ...age } }
    return { body: { ...core, ...Object.fromEntries(used), ...wanted }, warnings: [] }
  }
  const dropped = [
    ...used.map(([name]) => name),
    ...(args.max_age_hours === undefined ? [] : ['maxAgeHours']),
  ]
  const warnings = dropped.length === 0 ? [] : [`type lite knows no filters; left out: ${dropped.join(', ')}`]
  return { body: { ...core, ...(args.content === 'none' ? {} : { contents }) }, warnings }
}

function presentRow(row: Row, maxChars: number) {
  const url = row.url ?? row.id
  if (url == null) return { row: undefined, isCut: false }
  const text = row.text == null ? undefined : cut(row.text, maxChars)
  const highlights = row.highlights?.map((passage) => cut(passage, maxChars))
  return {
    isCut: text?.truncated === true || highlights?.some((passage) => passage.truncated) === true,
    row: {
      title: row.title ?? url,
      url,
      snippet: row.summary ?? highlights?.[0]?.text,
      publishedAt: row.publishedDate ?? undefined,
      highlights: highlights?.map((passage) => passage.text),
      text: text?.text,
      summary: row.summary ?? undefined,
      author: row.author ?? undefined,
      score: row.score ?? undefined,
    },
  }
}

export const findSimilar = (client: ExaClient) =>
  tool({
    name: 'find_similar',
    title: 'Find similar pages',
    description:
      'Finds pages about the same thing as a given one: reads its summary (Exa), then searches by it. Costs two requests.',
    input: z.strictObject({
      url: targetUrl,
      limit: z.int().min(1).max(10).default(5).describe('Maximum number of results.'),
    }),
    output,
    async run({ url, limit }, signal) {
      const page = await client.post('/contents', { urls: [url], summary: true }, TIMEOUT_MS, signal)
      const [row] = page.reply.results ?? []
      const about = [row?.title, row?.summary].filter((part) => part != null && part !== '').join('. ')
      const own = new URL(url).hostname
      const args = input.parse({
        query: cut(about === '' ? url : about, 1000).text,
        limit,
        exclude_domains: [own],
      })
      const found = await search(client, args, signal)
      const requests = page.usage.requests + found.data.usage.requests
      const usage = { requests, costUsd: sumUsd([page.usage.costUsd, found.data.usage.costUsd]) }
      const data = { ...found.data, usage }
      return { data, text: showSearch(data) }
    },
  })
