import { z } from 'zod'
import { ToolFailure } from '../shared/tool-failure.ts'
import { textOf } from '../shared/http/send.ts'
import { maxChars, pageShape, usageShape } from '../shared/schemas.ts'
import { showPage, showUsage } from '../shared/format.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { capJson, cut } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import type { VendorAnswer } from '../shared/vendor.ts'
import { scrapeOptions, vendorOptions } from './options.ts'
import { numberOf } from './client.ts'
import type { ScraperApiWire } from './client.ts'

const MAX_IMAGE_BYTES = 1024 * 1024

export const scrapePage = (wire: ScraperApiWire) =>
  tool({
    name: 'scrape_page',
    title: 'Read a page through a proxy',
    description:
      'Reads one public page through rotating proxies (ScraperAPI), as markdown, text or HTML; a picture comes as a picture. Start with the defaults; use render for pages made by scripts, tier premium for sites that refuse robots.',
    input: z.strictObject({ url: targetUrl, ...scrapeOptions, max_chars: maxChars }),
    output: pageShape,
    async run({ url, max_chars, ...options }, signal) {
      const answer = await wire.scrape(url, vendorOptions(options), signal)
      const contentType = answer.headers.get('content-type') ?? undefined
      const facts = {
        provider: 'scraperapi',
        url,
        finalUrl: answer.headers.get('sa-final-url') ?? undefined,
        status: numberOf(answer.headers.get('sa-statuscode')),
        contentType,
        usage: wire.usage(answer),
      }
      if (contentType?.startsWith('image/') === true) return imageAnswer(answer, contentType, facts)
      const content = cut(textOf(answer), max_chars)
      const { text, totalChars } = content
      const truncated = content.truncated || answer.isCut
      const data = { ...facts, format: options.format, content: text, truncated, totalChars }
      return { data, text: showPage(data) }
    },
  })

function imageAnswer<Facts extends { usage: VendorUsage }>(answer: VendorAnswer, type: string, facts: Facts) {
  const { length } = answer.bytes
  if (length > MAX_IMAGE_BYTES || answer.isCut) {
    throw new ToolFailure('target_error', `the picture has ${length} bytes, more than ${MAX_IMAGE_BYTES}`, {
      credits: facts.usage.credits,
      next: 'Look for a smaller version of the picture.',
    })
  }
  const mimeType = type.split(';')[0] ?? type
  const content = `[${mimeType}, ${length} bytes]`
  const data = { ...facts, format: 'image', content, truncated: false, totalChars: content.length }
  return { data, text: content, images: [{ data: Buffer.from(answer.bytes).toString('base64'), mimeType }] }
}

type VendorUsage = ReturnType<ScraperApiWire['usage']>

export const scrapeStructured = (wire: ScraperApiWire) =>
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
      const answer = await wire.scrape(url, { autoparse: true, country_code: country, max_cost }, signal)
      const { value, truncated } = capJson(parsed(answer, wire), max_chars)
      const usage = wire.usage(answer)
      const data = { provider: 'scraperapi', url, result: value, usage, truncated }
      return { data, text: `${JSON.stringify(value, null, 1)}\n\n${showUsage(usage)}` }
    },
  })

function parsed(answer: VendorAnswer, wire: ScraperApiWire): unknown {
  try {
    return JSON.parse(textOf(answer))
  } catch {
    throw new ToolFailure('bad_request', 'the vendor has no parser for this page', {
      credits: wire.usage(answer).credits,
      next: 'Use scrape_page for this address.',
    })
  }
}
