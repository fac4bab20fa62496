import { z } from 'zod'

/** Schemas that several servers share, so that their search tools look the same to a model. */

export const usageShape = z
  .object({
    requests: z.int().describe('Requests sent to the vendor for this call, retries included.'),
    credits: z.number().optional().describe('Credits that the vendor says this call cost.'),
    creditsAtMost: z
      .number()
      .optional()
      .describe('Upper bound where the vendor does not say what a call cost.'),
    costUsd: z
      .number()
      .optional()
      .describe('US dollars: from the vendor, or credits times the price set here.'),
    remaining: z.number().optional().describe('Credits left, where the vendor says so.'),
  })
  .describe('What the call cost, as far as the vendor reports it.')

export type Usage = z.input<typeof usageShape>

export const searchRow = z.object({
  position: z.int().describe('1 is best.'),
  title: z.string(),
  url: z.string(),
  snippet: z.string().optional(),
  publishedAt: z.string().optional().describe("As the vendor writes it, often like '3 Oct 2026'."),
  source: z.string().optional(),
})

export type SearchRow = z.input<typeof searchRow>

export const searchShape = z.object({
  provider: z.string(),
  query: z.string(),
  results: z.array(searchRow),
  answer: z
    .object({ text: z.string(), url: z.string().optional() })
    .optional()
    .describe('A direct answer, when the search engine shows one.'),
  related: z.array(z.string()).optional().describe('Related queries.'),
  warnings: z.array(z.string()).optional().describe('What was left out or changed.'),
  usage: usageShape,
  truncated: z.boolean(),
})

export const pageShape = z.object({
  provider: z.string(),
  url: z.string().describe('The requested address.'),
  finalUrl: z.string().optional().describe('Where redirects ended.'),
  title: z.string().optional(),
  status: z.int().optional().describe('HTTP status of the site.'),
  contentType: z.string().optional(),
  format: z.string(),
  content: z.string().describe('Untrusted text of the page.'),
  truncated: z.boolean(),
  totalChars: z.int().describe('Length before it was cut.'),
  usage: usageShape,
})

export type Page = z.input<typeof pageShape>

export const query = z.string().trim().min(1).max(2048).describe('What to search for.')
export const country = z
  .string()
  .regex(/^[A-Za-z]{2}$/, 'two letters')
  .transform((code) => code.toLowerCase())
  .describe("Two-letter country code, for example 'us'.")
export const language = z
  .string()
  .regex(/^[A-Za-z]{2,3}(-[A-Za-z]{2,4})?$/, 'a language code')
  .describe("Language code, for example 'en'.")
export const maxChars = z
  .int()
  .min(500)
  .max(200_000)
  .default(50_000)
  .describe('Maximum length of the content, in characters; it is cut at a paragraph.')
export const freshness = z
  .enum(['hour', 'day', 'week', 'month', 'year'])
  .describe('Only results this recent.')

/** Google's code for a period, which two vendors accept. */
export const periodOf = (value: z.output<typeof freshness> | undefined): string | undefined =>
  value === undefined ? undefined : `qdr:${value[0]}`
