import { z } from 'zod'
import { number, text } from '../shared/lenient-schemas.ts'
import { ToolFailure } from '../shared/tool-failure.ts'
import { jsonOf, textOf } from '../shared/http/send.ts'
import { country, maxChars, pageShape } from '../shared/schemas.ts'
import { showPage } from '../shared/format.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { cut } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import type { Options, ScrapflyClient } from './client.ts'

export const scrapeReply = z.looseObject({
  context: z
    .looseObject({ cost: z.looseObject({ total: z.number() }).nullish().catch(undefined) })
    .nullish()
    .catch(undefined),
  result: z.looseObject({
    url: text,
    status_code: number,
    content_type: text,
    format: text,
    content: text,
    extracted_data: z.unknown().optional(),
  }),
})

type Reply = z.output<typeof scrapeReply>

export const scrapePage = (client: ScrapflyClient) =>
  tool({
    name: 'scrape_page',
    title: 'Read a page',
    description:
      'Reads one public page (Scrapfly), as markdown, text, HTML or JSON. The defaults cost one credit. If the page is empty try render_js; if the site refuses try proxy residential, then anti_bot with a cost_budget.',
    input: z
      .strictObject({
        url: targetUrl,
        format: z
          .enum(['markdown', 'text', 'clean_html', 'raw', 'json'])
          .default('markdown')
          .describe('Form of the content.'),
        only_content: z.boolean().default(true).describe('Markdown without menus, headers and footers.'),
        country: country.optional().describe('Two-letter country to read from.'),
        render_js: z.boolean().default(false).describe('Use a browser; five credits more.'),
        wait_for_selector: z
          .string()
          .max(300)
          .optional()
          .describe('CSS selector to wait for; needs render_js.'),
        rendering_wait_ms: z
          .int()
          .min(0)
          .max(25_000)
          .optional()
          .describe('Time for scripts; needs render_js.'),
        anti_bot: z
          .boolean()
          .default(false)
          .describe('Get past robot checks; price varies, so cost_budget is required.'),
        proxy: z
          .enum(['datacenter', 'residential'])
          .default('datacenter')
          .describe('residential costs 25 credits.'),
        cost_budget: z.int().min(1).max(1000).optional().describe('Maximum credits that the call may cost.'),
        cache_ttl_s: z.int().min(1).max(604_800).optional().describe('Accept a copy this old, and keep one.'),
        max_chars: maxChars,
      })
      .refine((args) => !args.anti_bot || args.cost_budget !== undefined, {
        path: ['cost_budget'],
        message:
          'anti_bot has no fixed price: set cost_budget to the maximum credits you would pay, for example 30',
      }),
    output: pageShape,
    async run({ url, max_chars, ...args }, signal) {
      const response = await client.get('/scrape', { ...optionsFor(args), url }, signal)
      const reply = scrapeReply.parse(jsonOf(response))
      const whole = await contentOf(reply, client, signal)
      const content = cut(whole.text, max_chars)
      const data = {
        provider: 'scrapfly',
        url,
        finalUrl: reply.result.url ?? undefined,
        status: reply.result.status_code ?? undefined,
        contentType: reply.result.content_type ?? undefined,
        format: args.format,
        content: content.text,
        truncated: content.truncated || whole.isCut,
        totalChars: content.totalChars,
        usage: client.usage(response, reply.context?.cost?.total),
      }
      return { data, text: showPage(data) }
    },
  })

interface ScrapeArguments {
  readonly format: string
  readonly only_content: boolean
  readonly country?: string | undefined
  readonly render_js: boolean
  readonly wait_for_selector?: string | undefined
  readonly rendering_wait_ms?: number | undefined
  readonly anti_bot: boolean
  readonly proxy: 'datacenter' | 'residential'
  readonly cost_budget?: number | undefined
  readonly cache_ttl_s?: number | undefined
}

function optionsFor(args: ScrapeArguments): Options {
  const isPruned = args.format === 'markdown' && args.only_content
  return {
    format: isPruned ? 'markdown:only_content' : args.format,
    country: args.country,
    ...(args.render_js
      ? { render_js: true, wait_for_selector: args.wait_for_selector, rendering_wait: args.rendering_wait_ms }
      : {}),
    asp: args.anti_bot ? true : undefined,
    proxy_pool: args.proxy === 'residential' ? 'public_residential_pool' : undefined,
    cost_budget: args.cost_budget,
    ...(args.cache_ttl_s === undefined ? {} : { cache: true, cache_ttl: args.cache_ttl_s }),
  }
}

/** Large pages stay on the vendor's host; a pointer to another host is not followed. */
async function contentOf({ result }: Reply, client: ScrapflyClient, signal: AbortSignal) {
  const content = result.content ?? ''
  if (result.format === 'binary' || result.format === 'blob') {
    throw new ToolFailure(
      'bad_request',
      `the address holds ${result.content_type ?? 'binary data'}, not text`,
      {
        next: 'Use an address of a page; for a picture of a page use screenshot.',
      },
    )
  }
  if (result.format !== 'clob') return { text: content, isCut: false }
  const response = await client.follow(content, signal)
  if (response !== undefined) return { text: textOf(response), isCut: response.isTruncated }
  throw new ToolFailure('upstream', "the large page is not on the vendor's host", { retryable: false })
}
