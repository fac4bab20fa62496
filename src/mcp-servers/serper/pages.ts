import { z } from 'zod'
import { accountTool } from '../shared/account-tool.ts'
import { text } from '../shared/lenient-schemas.ts'
import { country, language, maxChars, pageShape, usageShape } from '../shared/schemas.ts'
import { showPage, showRows, showUsage } from '../shared/format.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { capJson, cut } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import { rowsAt } from './vertical-search.ts'
import type { SerperClient } from './client.ts'

const MAX_REVIEW_CHARS = 50_000
const SORTS = {
  relevant: 'mostRelevant',
  newest: 'newest',
  highest: 'highestRating',
  lowest: 'lowestRating',
} as const

const placeId = z.string().min(1).max(300).optional()

export const placeReviews = (client: SerperClient) =>
  tool({
    name: 'place_reviews',
    title: 'Reviews of a place',
    description:
      'Reads what people wrote about a place on Google Maps (through Serper). Needs one id of the place, as vertical_search with type places or maps returns it.',
    input: z
      .strictObject({
        cid: placeId.describe("The place's cid, from places results."),
        fid: placeId.describe("The place's fid."),
        place_id: placeId.describe("The place's Google id, from maps results."),
        sort: z
          .enum(['relevant', 'newest', 'highest', 'lowest'])
          .default('relevant')
          .describe('Order of reviews.'),
        page_token: z.string().max(2000).optional().describe('next_page_token of the page before.'),
        country: country.default('us'),
        language: language.default('en'),
      })
      .refine(({ cid, fid, place_id }) => [cid, fid, place_id].filter(Boolean).length === 1, {
        message: 'give exactly one of cid, fid and place_id',
      }),
    output: z.object({
      provider: z.string(),
      reviews: z.array(z.looseObject({})),
      next_page_token: z.string().optional(),
      usage: usageShape,
      truncated: z.boolean(),
    }),
    async run({ cid, fid, place_id, sort, page_token, country, language }, signal) {
      const id = { cid, fid, placeId: place_id, sortBy: SORTS[sort], nextPageToken: page_token }
      const paid = await client.search('/reviews', { ...id, gl: country, hl: language }, signal)
      const kept = capJson(rowsAt(paid.reply, 'reviews'), MAX_REVIEW_CHARS)
      const reviews = kept.value as Record<string, unknown>[]
      const token = paid.reply['nextPageToken']
      const usage = client.usage([paid])
      const next_page_token = typeof token === 'string' ? token : undefined
      const data = { provider: 'serper', reviews, next_page_token, usage, truncated: kept.truncated }
      return { data, text: `${showRows(reviews)}\n\n${showUsage(usage)}` }
    },
  })

export const scrapePage = (client: SerperClient) =>
  tool({
    name: 'scrape_page',
    title: 'Read a page',
    description:
      'Reads the text of one public web page (through Serper), as markdown or plain text, without running its scripts. For pages that need a browser or refuse robots use a scraping server.',
    input: z.strictObject({
      url: targetUrl,
      markdown: z
        .boolean()
        .default(true)
        .describe('Markdown with headings and links; false gives plain text.'),
      max_chars: maxChars,
    }),
    output: pageShape,
    async run({ url, markdown, max_chars }, signal) {
      const paid = await client.scrape({ url, includeMarkdown: markdown }, signal)
      const { text, markdown: marked, metadata } = pageReply.parse(paid.reply)
      const content = cut((markdown ? marked : undefined) ?? text ?? '', max_chars)
      const data = {
        provider: 'serper',
        url,
        title: metadata?.title ?? undefined,
        format: markdown && typeof marked === 'string' ? 'markdown' : 'text',
        content: content.text,
        truncated: content.truncated,
        totalChars: content.totalChars,
        usage: client.usage([paid]),
      }
      return { data, text: showPage(data) }
    },
  })

const pageReply = z.looseObject({
  text,
  markdown: text,
  metadata: z.looseObject({ title: text }).nullish().catch(undefined),
})

export const account = (client: SerperClient) =>
  accountTool({
    title: 'Credit left',
    description:
      'Says how many Serper credits are left. Free of charge. Best effort: not in the vendor’s reference.',
    output: z.object({
      provider: z.string(),
      balance: z.number().optional().describe('Credits left.'),
      rateLimit: z.number().optional().describe('Requests per second that the plan allows.'),
    }),
    async read(signal) {
      const { reply } = await client.account(signal)
      const number = (value: unknown) => (typeof value === 'number' ? value : undefined)
      const balance = number(reply['balance'])
      const rateLimit = number(reply['rateLimit'])
      const data = { provider: 'serper', balance, rateLimit }
      return { data, text: `Serper: ${balance ?? 'unknown'} credits left` }
    },
  })
