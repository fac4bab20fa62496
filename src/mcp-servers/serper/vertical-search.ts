import { z } from 'zod'

import { freshness, periodOf, query, searchShape, usageShape } from '../shared/schemas.ts'
import { showRows, showSearch, showUsage } from '../shared/format.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { capJson } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import { locale } from './locale.ts'
import { organicRows } from './web-search.ts'
import type { Reply, SerperClient } from './client.ts'

const MAX_VERTICAL_CHARS = 50_000

/** The response field that contains the rows, by kind of search. */
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

export const verticalSearch = (client: SerperClient) =>
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
      limit: z.int().min(1).max(20).default(10).describe('Maximum number of rows to return.'),
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
      const paid = await client.search(`/${type}`, body, signal)
      const rows = rowsAt(paid.reply, ROWS_OF[type])
      const kept = capJson(rows.slice(0, limit), MAX_VERTICAL_CHARS)
      const results = kept.value as Record<string, unknown>[]
      const usage = client.usage([paid])
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

export const imageLookup = (client: SerperClient) =>
  tool({
    name: 'image_lookup',
    title: 'Search by image',
    description:
      'Finds pages that show the same or a similar image (Google Lens through Serper). Give the address of a public image.',
    input: z.strictObject({ image_url: targetUrl, country: locale.country, language: locale.language }),
    output: searchShape,
    async run({ image_url, country, language }, signal) {
      const paid = await client.search('/lens', { url: image_url, gl: country, hl: language }, signal)
      const results = organicRows([paid])
      const data = {
        provider: 'serper',
        query: image_url,
        results,
        usage: client.usage([paid]),
        truncated: false,
      }
      return { data, text: showSearch(data) }
    },
  })
