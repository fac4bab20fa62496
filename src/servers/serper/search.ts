import { z } from 'zod'
import { ToolFailure } from '../kit/failure.ts'
import { country, freshness, language, periodOf, query, searchShape, usageShape } from '../kit/shapes.ts'
import type { SearchRow } from '../kit/shapes.ts'
import { showRows, showSearch, showUsage } from '../kit/show.ts'
import { targetUrl } from '../kit/target-url.ts'
import { capJson } from '../kit/text.ts'
import { tool } from '../kit/tool.ts'
import type { Paid, Reply, SerperWire } from './wire.ts'

/** More than ten rows in one request are best effort since September 2025, and dearer; so we turn pages. */
const ROWS_PER_PAGE = 10
const MAX_VERTICAL_CHARS = 50_000

const locale = {
  country: country.default('us'),
  language: language.default('en'),
  location: z.string().max(200).optional().describe("Place to search from, for example 'Ghent, Belgium'."),
}

export const webSearch = (wire: SerperWire) =>
  tool({
    name: 'web_search',
    title: 'Google search',
    description:
      "Searches the web with Google's index (through Serper) and returns titles, addresses and snippets, with Google's direct answer where there is one. Best general choice; operators such as site: work. For news, images, places or papers use vertical_search.",
    input: z.strictObject({
      query,
      ...locale,
      limit: z.int().min(1).max(20).default(10).describe('Most results; above 10 costs a second query.'),
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
      const { paid, warnings } = await turnPages(
        wire,
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
        usage: wire.usage(paid),
        truncated: warnings.length > 0,
      }
      return { data, text: showSearch(data) }
    },
  })

/** The first page must come; a later one that fails leaves a warning, for the first is paid already. */
async function turnPages(
  wire: SerperWire,
  body: object,
  page: number,
  limit: number,
  signal: AbortSignal,
): Promise<{ paid: [Paid, ...Paid[]]; warnings: string[] }> {
  const first = await wire.search('/search', { ...body, page }, signal)
  if (limit <= ROWS_PER_PAGE || (first.reply.organic?.length ?? 0) === 0)
    return { paid: [first], warnings: [] }
  try {
    return { paid: [first, await wire.search('/search', { ...body, page: page + 1 }, signal)], warnings: [] }
  } catch (thrown) {
    if (!(thrown instanceof ToolFailure) || thrown.kind === 'cancelled') throw thrown
    return { paid: [first], warnings: [`the second page failed (${thrown.kind}: ${thrown.message})`] }
  }
}

function organicRows(paid: readonly Paid[]): SearchRow[] {
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

/** Where each kind of search keeps its rows. */
const ROWS_OF = {
  news: 'news',
  images: 'images',
  videos: 'videos',
  places: 'places',
  maps: 'places',
  shopping: 'shopping',
  scholar: 'organic',
  patents: 'organic',
  autocomplete: 'suggestions',
} as const

export const verticalSearch = (wire: SerperWire) =>
  tool({
    name: 'vertical_search',
    title: 'Google search of one kind',
    description:
      "Searches one of Google's special indexes (through Serper): news, images, videos, places, maps, shopping, scholar (papers), patents, autocomplete (query suggestions). Rows keep the fields of their kind, for example rating and address of a place. For ordinary pages use web_search.",
    input: z.strictObject({
      type: z
        .enum([
          'news',
          'images',
          'videos',
          'places',
          'maps',
          'shopping',
          'scholar',
          'patents',
          'autocomplete',
        ])
        .describe('Which index.'),
      query,
      ...locale,
      limit: z.int().min(1).max(20).default(10).describe('Most rows to return.'),
      page: z.int().min(1).max(10).default(1).describe('Page of results.'),
      freshness: freshness.optional().describe('Only for news, images and videos.'),
      coordinates: z
        .string()
        .regex(/^@?-?\d+(\.\d+)?,-?\d+(\.\d+)?(,\d+(\.\d+)?z)?$/, "like '51.05,3.72,14z'")
        .optional()
        .describe("Centre of a maps search, for example '51.05,3.72,14z'."),
    }),
    output: z.object({
      provider: z.string(),
      type: z.string(),
      query: z.string(),
      results: z.array(z.looseObject({})).describe('Rows with the fields of their kind.'),
      usage: usageShape,
      truncated: z.boolean(),
    }),
    async run({ type, query, country, language, location, limit, page, freshness, coordinates }, signal) {
      const common = type === 'patents' ? {} : { gl: country, hl: language }
      const place = type === 'maps' ? { ll: mapCentre(coordinates) } : { location }
      const body = {
        q: query,
        ...common,
        ...(type === 'patents' ? {} : place),
        page,
        tbs: periodOf(freshness),
      }
      const paid = await wire.search(`/${type}`, body, signal)
      const rows = rowsAt(paid.reply, ROWS_OF[type])
      const kept = capJson(rows.slice(0, limit), MAX_VERTICAL_CHARS)
      const results = kept.value as Record<string, unknown>[]
      const usage = wire.usage([paid])
      const data = { provider: 'serper', type, query, results, usage, truncated: kept.truncated }
      return { data, text: `${showRows(results)}\n\n${showUsage(usage)}` }
    },
  })

const mapCentre = (coordinates: string | undefined) =>
  coordinates === undefined
    ? undefined
    : `@${coordinates.replace(/^@/, '')}${coordinates.endsWith('z') ? '' : ',14z'}`

export function rowsAt(reply: Reply, field: string): Record<string, unknown>[] {
  const rows = reply[field]
  return Array.isArray(rows) ? rows.filter((row) => typeof row === 'object' && row !== null) : []
}

export const imageLookup = (wire: SerperWire) =>
  tool({
    name: 'image_lookup',
    title: 'Search by image',
    description:
      'Finds pages that show the same or a similar image (Google Lens through Serper). Give the address of a public image.',
    input: z.strictObject({ image_url: targetUrl, country: locale.country, language: locale.language }),
    output: searchShape,
    async run({ image_url, country, language }, signal) {
      const paid = await wire.search('/lens', { url: image_url, gl: country, hl: language }, signal)
      const results = organicRows([paid])
      const data = {
        provider: 'serper',
        query: image_url,
        results,
        usage: wire.usage([paid]),
        truncated: false,
      }
      return { data, text: showSearch(data) }
    },
  })
