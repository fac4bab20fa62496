import { z } from 'zod'
import { text } from '../shared/lenient-schemas.ts'
import { country, freshness, language, periodOf, query, searchShape } from '../shared/schemas.ts'
import type { SearchRow } from '../shared/schemas.ts'
import { showSearch } from '../shared/format.ts'
import { tool } from '../shared/tool.ts'
import type { Query, SerpapiClient } from './client.ts'

export const webSearch = (client: SerpapiClient) =>
  tool({
    name: 'web_search',
    title: 'Web search on a chosen engine',
    description:
      'Searches the web on Google, Bing or DuckDuckGo (through SerpAPI) and returns titles, addresses and snippets. Choose it to compare engines or to search from a given place; the same search within an hour is free. For videos, products, papers or news use engine_search.',
    input: z.strictObject({
      query,
      engine: z
        .enum(['google_light', 'google', 'bing', 'duckduckgo'])
        .default('google_light')
        .describe('google_light is fastest; google adds answer boxes.'),
      location: z.string().max(200).optional().describe('Place to search from (Google); see find_location.'),
      country: country.optional(),
      language: language.optional(),
      page: z.int().min(1).max(10).default(1).describe('Page of results, ten each.'),
      safe: z.boolean().default(true).describe('Leave out adult results.'),
      freshness: freshness.optional().describe('Only results this recent (Google and DuckDuckGo).'),
      device: z
        .enum(['desktop', 'tablet', 'mobile'])
        .optional()
        .describe('Device to search as (Google, Bing).'),
      no_cache: z
        .boolean()
        .default(false)
        .describe('Search anew, at full price, even if the answer is cached.'),
    }),
    output: searchShape,
    async run(args, signal) {
      const { reply, usage } = await client.search(queryFor(args), signal)
      const results = organicRows(reply)
      const warnings = ignoredBy(args)
      const data = {
        provider: 'serpapi',
        query: args.query,
        results,
        answer: answerIn(reply),
        related: relatedIn(reply),
        warnings: warnings.length > 0 ? warnings : undefined,
        usage,
        truncated: false,
      }
      return { data, text: showSearch(data) }
    },
  })

interface SearchArguments {
  readonly query: string
  readonly engine: 'google_light' | 'google' | 'bing' | 'duckduckgo'
  readonly location?: string | undefined
  readonly country?: string | undefined
  readonly language?: string | undefined
  readonly page: number
  readonly safe: boolean
  readonly freshness?: z.output<typeof freshness> | undefined
  readonly device?: string | undefined
  readonly no_cache: boolean
}

/** Translates the options to the engine's own field names. */
function queryFor(args: SearchArguments): Query {
  const { query: q, engine, location, country, language, page, safe, device } = args
  const common = { engine, q, no_cache: args.no_cache ? true : undefined }
  const skip = (page - 1) * 10
  if (engine === 'bing') {
    const start = skip === 0 ? undefined : skip + 1
    return {
      ...common,
      cc: country,
      setlang: language,
      first: start,
      safeSearch: safe ? 'strict' : 'off',
      device,
    }
  }
  const start = skip === 0 ? undefined : skip
  if (engine === 'duckduckgo') {
    const kl = country === undefined ? undefined : `${country}-${language ?? 'en'}`
    return { ...common, kl, df: dayOf(args.freshness), start, safe: safe ? 1 : -2 }
  }
  const tbs = periodOf(args.freshness)
  return { ...common, location, gl: country, hl: language, tbs, safe: safe ? 'active' : 'off', start, device }
}

const dayOf = (value: SearchArguments['freshness']) => (value === 'hour' ? 'd' : value?.[0])

function ignoredBy({ engine, location, freshness, device }: SearchArguments): string[] {
  const ignored = [
    location !== undefined && (engine === 'bing' || engine === 'duckduckgo') ? 'location' : undefined,
    freshness !== undefined && engine === 'bing' ? 'freshness' : undefined,
    device !== undefined && engine === 'duckduckgo' ? 'device' : undefined,
  ].filter((name) => name !== undefined)
  return ignored.map((name) => `${engine} does not know ${name}; it was left out`)
}

const row = z.looseObject({ title: text, link: text, snippet: text, source: text, date: text })
const resultsShape = z.looseObject({
  organic_results: z.array(row).nullish().catch(undefined),
  answer_box: z
    .looseObject({ answer: text, snippet: text, result: text, link: text })
    .nullish()
    .catch(undefined),
  related_searches: z
    .array(z.looseObject({ query: text }))
    .nullish()
    .catch(undefined),
})

export function organicRows(reply: unknown): SearchRow[] {
  const rows = resultsShape.parse(reply).organic_results ?? []
  return rows
    .flatMap((row) => (typeof row.link === 'string' ? [{ ...row, link: row.link }] : []))
    .map(({ title, link, snippet, source, date }, index) => ({
      position: index + 1,
      title: title ?? link,
      url: link,
      snippet: snippet ?? undefined,
      source: source ?? undefined,
      publishedAt: date ?? undefined,
    }))
}

function answerIn(reply: unknown) {
  const box = resultsShape.parse(reply).answer_box
  const text = box?.answer ?? box?.result ?? box?.snippet
  return text == null ? undefined : { text, url: box?.link ?? undefined }
}

function relatedIn(reply: unknown): string[] | undefined {
  const queries = (resultsShape.parse(reply).related_searches ?? []).flatMap(({ query }) => query ?? [])
  return queries.length === 0 ? undefined : queries
}
