import { z } from 'zod'
import { ToolFailure } from '../shared/tool-failure.ts'
import { country, usageShape } from '../shared/schemas.ts'
import { showUsage } from '../shared/format.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { tool } from '../shared/tool.ts'
import { headerNumber } from './failure-in.ts'
import type { ScrapflyClient } from './client.ts'

const MAX_IMAGE_BYTES = 1024 * 1024

export const screenshot = (client: ScrapflyClient) =>
  tool({
    name: 'screenshot',
    title: 'Picture of a page',
    description:
      'Takes a picture of a public page in a browser (Scrapfly) and returns it as an image. Use it to see layout, charts or maps; for text use scrape_page.',
    input: z
      .strictObject({
        url: targetUrl,
        capture: z.enum(['viewport', 'fullpage', 'selector']).default('viewport').describe('What to show.'),
        selector: z.string().min(1).max(300).optional().describe('CSS selector, with capture selector.'),
        resolution: z
          .string()
          .regex(/^\d{3,4}x\d{3,4}$/, 'like 1280x800')
          .default('1280x800')
          .describe('Size of the window.'),
        image_format: z.enum(['jpg', 'png', 'webp']).default('jpg').describe('jpg is smallest.'),
        dark_mode: z.boolean().default(false).describe('Ask the page for its dark colours.'),
        block_banners: z.boolean().default(true).describe('Hide cookie banners.'),
        wait_for_selector: z.string().max(300).optional().describe('CSS selector to wait for.'),
        country: country.optional().describe('Two-letter country to look from.'),
      })
      .refine(({ capture, selector }) => (capture === 'selector') === (selector !== undefined), {
        path: ['selector'],
        message: 'capture selector and a selector belong together',
      }),
    output: z.object({
      provider: z.string(),
      url: z.string(),
      finalUrl: z.string().optional(),
      status: z.int().optional(),
      mimeType: z.string(),
      bytes: z.int(),
      usage: usageShape,
    }),
    async run(
      {
        url,
        capture,
        selector,
        resolution,
        image_format,
        dark_mode,
        block_banners,
        wait_for_selector,
        country,
      },
      signal,
    ) {
      const options = [dark_mode ? 'dark_mode' : '', block_banners ? 'block_banners' : ''].filter(
        (word) => word !== '',
      )
      const response = await client.get(
        '/screenshot',
        {
          format: image_format,
          capture: selector ?? capture,
          resolution,
          options: options.length === 0 ? undefined : options.join(','),
          wait_for_selector,
          country,
          url,
        },
        signal,
      )
      const mimeType = response.headers.get('content-type')?.split(';')[0] ?? ''
      const usage = client.usage(response)
      const bytes = response.bytes.length
      if (!mimeType.startsWith('image/'))
        throw new ToolFailure('upstream', 'no picture came', { retryable: false })
      if (bytes > MAX_IMAGE_BYTES || response.isTruncated) throw tooLarge(bytes, usage.credits)
      const data = {
        provider: 'scrapfly',
        url,
        finalUrl: response.headers.get('x-scrapfly-upstream-url') ?? undefined,
        status: headerNumber(response.headers, 'x-scrapfly-upstream-http-code'),
        mimeType,
        bytes,
        usage,
      }
      const images = [{ data: Buffer.from(response.bytes).toString('base64'), mimeType }]
      return { data, text: `Picture of ${url} (${mimeType}, ${bytes} bytes)\n${showUsage(usage)}`, images }
    },
  })

function tooLarge(bytes: number, credits: number | undefined): ToolFailure {
  return new ToolFailure('bad_request', `the picture has ${bytes} bytes, more than ${MAX_IMAGE_BYTES}`, {
    credits,
    next: 'Use capture viewport, a smaller resolution or image_format jpg.',
  })
}
