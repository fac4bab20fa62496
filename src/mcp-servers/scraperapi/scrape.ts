import { z } from 'zod'
import { ToolFailure } from '../shared/tool-failure.ts'
import { textOf } from '../shared/http/send.ts'
import { maxChars, pageShape, usageShape } from '../shared/schemas.ts'
import { showPage, showUsage } from '../shared/format.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { capJson, cut } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import type { VendorResponse } from '../shared/vendor.ts'
import { scrapeOptions, vendorOptions } from './options.ts'
import { numberOf } from './client.ts'
import type { ScraperApiClient } from './client.ts'

const MAX_IMAGE_BYTES = 1024 * 1024

export const scrapePage = (client: ScraperApiClient) =>
  tool({
    name: 'scrape_page',
    title: 'Read a page through a proxy',
    description:
      'Reads one public page through rotating proxies (ScraperAPI), as markdown, text or HTML; a picture comes as a picture. Start with the defaults; use render for pages made by scripts, tier premium for sites that refuse robots.',
    input: z.strictObject({ url: targetUrl, ...scrapeOptions, max_chars: maxChars }),
    output: pageShape,
    async run({ url, max_chars, ...options }, signal) {
      const response = await client.scrape(url, vendorOptions(options), signal)
      const contentType = response.headers.get('content-type') ?? undefined
      const facts = {
        provider: 'scraperapi',
        url,
        finalUrl: response.headers.get('sa-final-url') ?? undefined,
        status: numberOf(response.headers.get('sa-statuscode')),
        contentType,
        usage: client.usage(response),
      }
      if (contentType?.startsWith('image/') === true) return imageOutput(response, contentType, facts)
      const content = cut(textOf(response), max_chars)
      const { text, totalChars } = content
      const truncated = content.truncated || response.isTruncated
      const data = { ...facts, format: options.format, content: text, truncated, totalChars }
      return { data, text: showPage(data) }
    },
  })

function imageOutput<Facts extends { usage: VendorUsage }>(
  response: VendorResponse,
  type: string,
  facts: Facts,
) {
  const { length } = response.bytes
  if (length > MAX_IMAGE_BYTES || response.isTruncated) {
    throw new ToolFailure('target_error', `the picture has ${length} bytes, more than ${MAX_IMAGE_BYTES}`, {
      credits: facts.usage.credits,
      next: 'Look for a smaller version of the picture.',
    })
  }
  const mimeType = type.split(';')[0] ?? type
  const content = `[${mimeType}, ${length} bytes]`
  const data = { ...facts, format: 'image', content, truncated: false, totalChars: content.length }
  return { data, text: content, images: [{ data: Buffer.from(response.bytes).toString('base64'), mimeType }] }
}

type VendorUsage = ReturnType<ScraperApiClient['usage']>

export const scrapeStructured = (client: ScraperApiClient) =>
  tool({
    name: 'scrape_structured',
    title: 'Read a page as data',
    description:
      'Reads a page of a site that ScraperAPI can parse (Amazon, Google, eBay, Walmart, Redfin and others) and returns its data as JSON. For any other page use scrape_page.',
    input: z.strictObject({
      url: targetUrl,
      country: scrapeOptions.country,
      max_cost: scrapeOptions.max_cost,
      max_chars: maxChars,
    }),
    output: z.object({
      provider: z.string(),
      url: z.string(),
      result: z.unknown().describe("The page's data, as the vendor parses it."),
      usage: usageShape,
      truncated: z.boolean(),
    }),
    async run({ url, country, max_cost, max_chars }, signal) {
      const response = await client.scrape(url, { autoparse: true, country_code: country, max_cost }, signal)
      const { value, truncated } = capJson(parsed(response, client), max_chars)
      const usage = client.usage(response)
      const data = { provider: 'scraperapi', url, result: value, usage, truncated }
      return { data, text: `${JSON.stringify(value, null, 1)}\n\n${showUsage(usage)}` }
    },
  })

function parsed(response: VendorResponse, client: ScraperApiClient): unknown {
  try {
    return JSON.parse(textOf(response))
  } catch {
    throw new ToolFailure('bad_request', 'the vendor has no parser for this page', {
      credits: client.usage(response).credits,
      next: 'Use scrape_page for this address.',
    })
  }
}
