import { z } from 'zod'
import { accountTool } from '../shared/account-tool.ts'
import { text } from '../shared/lenient-schemas.ts'
import { jsonOf } from '../shared/http/send.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { tool } from '../shared/tool.ts'
import { scrapeOptions, vendorOptions } from './options.ts'
import type { ScraperApiClient } from './client.ts'

const number = z
  .union([z.number(), z.string().transform(Number)])
  .nullish()
  .catch(undefined)
const costReply = z.looseObject({ credits: number })
const accountReply = z.looseObject({
  requestCount: number,
  requestLimit: number,
  failedRequestCount: number,
  concurrencyLimit: number,
  concurrentRequests: number,
  subscriptionDate: text,
})

export const estimateCost = (client: ScraperApiClient) =>
  tool({
    name: 'estimate_cost',
    title: 'What would it cost?',
    description: 'Estimates the credits that scrape_page would cost for an address and options. Free.',
    input: z.strictObject({ url: targetUrl, ...scrapeOptions }),
    output: z.object({ provider: z.string(), url: z.string(), credits: z.number().optional() }),
    annotations: { idempotentHint: true },
    async run({ url, ...options }, signal) {
      const response = await client.get('/account/urlcost', { ...vendorOptions(options), url }, signal)
      const credits = costReply.parse(jsonOf(response)).credits ?? undefined
      return {
        data: { provider: 'scraperapi', url, credits },
        text: `${credits ?? 'an unknown number of'} credits`,
      }
    },
  })

export const account = (client: ScraperApiClient) =>
  accountTool({
    title: 'Credit left',
    description:
      'Says how many ScraperAPI credits are used and left, and how many scrapes may run at once. Free.',
    output: z.object({
      provider: z.string(),
      used: z.number().optional(),
      limit: z.number().optional(),
      left: z.number().optional(),
      failed: z.number().optional(),
      running: z.number().optional(),
      concurrencyLimit: z.number().optional(),
      renewed: z.string().optional(),
    }),
    async read(signal) {
      const reply = accountReply.parse(jsonOf(await client.get('/account', {}, signal)))
      const used = reply.requestCount ?? undefined
      const limit = reply.requestLimit ?? undefined
      const left = used === undefined || limit === undefined ? undefined : limit - used
      const data = {
        provider: 'scraperapi',
        used,
        limit,
        left,
        failed: reply.failedRequestCount ?? undefined,
        running: reply.concurrentRequests ?? undefined,
        concurrencyLimit: reply.concurrencyLimit ?? undefined,
        renewed: reply.subscriptionDate ?? undefined,
      }
      return { data, text: `ScraperAPI: ${left ?? 'unknown'} of ${limit ?? 'unknown'} credits left` }
    },
  })
