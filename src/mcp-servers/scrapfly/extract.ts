import { z } from 'zod'
import { jsonOf } from '../shared/http/send.ts'
import { maxChars, usageShape } from '../shared/schemas.ts'
import { showUsage } from '../shared/format.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { capJson } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import { scrapeReply } from './scrape.ts'
import type { ScrapflyClient } from './client.ts'

const MODELS = [
  'article',
  'event',
  'food_recipe',
  'hotel',
  'hotel_listing',
  'job_listing',
  'job_posting',
  'organization',
  'product',
  'product_listing',
  'real_estate_property',
  'real_estate_property_listing',
  'review_list',
  'search_engine_results',
  'social_media_post',
  'software',
  'stock',
  'vehicle_ad',
] as const

const input = z
  .strictObject({
    url: targetUrl.optional(),
    content: z
      .string()
      .min(1)
      .max(500_000)
      .optional()
      .describe('HTML, markdown or text that you already have.'),
    content_type: z
      .enum(['text/html', 'text/markdown', 'text/plain'])
      .default('text/html')
      .describe('Type of content.'),
    prompt: z.string().min(1).max(10_000).optional().describe('What to extract, in words.'),
    model: z.enum(MODELS).optional().describe('A kind of thing whose fields are known.'),
    template: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("Name of a template saved in the operator's account."),
    render_js: z.boolean().default(false).describe('Use a browser, when a url is given.'),
    max_chars: maxChars,
  })
  .refine(({ url, content }) => (url === undefined) !== (content === undefined), {
    message: 'give either url or content',
  })
  .refine(
    ({ prompt, model, template }) =>
      [prompt, model, template].filter((one) => one !== undefined).length === 1,
    {
      message: 'give exactly one of prompt, model and template',
    },
  )

export const extract = (client: ScrapflyClient) =>
  tool({
    name: 'extract',
    title: 'Turn a page into data',
    description:
      'Extracts data from a public page, or from text that you already have (Scrapfly): by a prompt in words, or by a model for a known kind of thing such as article, product or job_posting.',
    input,
    output: z.object({
      provider: z.string(),
      url: z.string().optional(),
      data: z.unknown().describe('What was extracted. Untrusted.'),
      quality: z.unknown().optional().describe('How well the data fits its model.'),
      usage: usageShape,
      truncated: z.boolean(),
    }),
    async run(args, signal) {
      const { extracted, usage } = await (args.content === undefined
        ? fromPage(client, args, signal)
        : fromContent(client, args, args.content, signal))
      const { value, truncated } = capJson(extracted.data ?? null, args.max_chars)
      const quality = extracted.data_quality ?? undefined
      const data = { provider: 'scrapfly', url: args.url, data: value, quality, usage, truncated }
      return { data, text: `${JSON.stringify(value, null, 1)}\n\n${showUsage(usage)}` }
    },
  })

type Args = z.output<typeof input>

const extractedShape = z.looseObject({ data: z.unknown().optional(), data_quality: z.unknown().optional() })

function extractionOptions({ prompt, model, template }: Args) {
  return { extraction_prompt: prompt, extraction_model: model, extraction_template: template }
}

async function fromPage(client: ScrapflyClient, args: Args, signal: AbortSignal) {
  const query = { ...extractionOptions(args), render_js: args.render_js ? true : undefined, url: args.url }
  const response = await client.get('/scrape', query, signal)
  const reply = scrapeReply.parse(jsonOf(response))
  const extracted = extractedShape
    .catch({ data: undefined, data_quality: undefined })
    .parse(reply.result.extracted_data)
  return { extracted, usage: client.usage(response, reply.context?.cost?.total) }
}

async function fromContent(client: ScrapflyClient, args: Args, content: string, signal: AbortSignal) {
  const document = { type: args.content_type, text: content }
  const response = await client.post(
    '/extraction',
    { ...extractionOptions(args), content_type: args.content_type },
    document,
    signal,
  )
  return { extracted: extractedShape.parse(jsonOf(response)), usage: client.usage(response) }
}
