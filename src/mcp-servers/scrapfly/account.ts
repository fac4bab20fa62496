import { z } from 'zod'
import { accountTool } from '../shared/account-tool.ts'
import { number, text } from '../shared/lenient-schemas.ts'
import { jsonOf } from '../shared/http/send.ts'
import type { ScrapflyClient } from './client.ts'

const usageReply = z.looseObject({
  current: number,
  limit: number,
  remaining: number,
  concurrent_usage: number,
  concurrent_limit: number,
})
const accountReply = z.looseObject({
  project: z.looseObject({ name: text }).nullish().catch(undefined),
  subscription: z
    .looseObject({
      plan_name: text,
      usage: z
        .looseObject({ scrape: usageReply.nullish().catch(undefined) })
        .nullish()
        .catch(undefined),
    })
    .nullish()
    .catch(undefined),
})

export const account = (client: ScrapflyClient) =>
  accountTool({
    title: 'Credit left',
    description:
      'Says how many Scrapfly credits are used and left, and how many scrapes may run at once. Free.',
    output: z.object({
      provider: z.string(),
      project: z.string().optional(),
      plan: z.string().optional(),
      used: z.number().optional(),
      limit: z.number().optional(),
      left: z.number().optional(),
      running: z.number().optional(),
      concurrencyLimit: z.number().optional(),
    }),
    async read(signal) {
      const { project, subscription } = accountReply.parse(jsonOf(await client.get('/account', {}, signal)))
      const scrape = subscription?.usage?.scrape
      const data = {
        provider: 'scrapfly',
        project: project?.name ?? undefined,
        plan: subscription?.plan_name ?? undefined,
        used: scrape?.current ?? undefined,
        limit: scrape?.limit ?? undefined,
        left: scrape?.remaining ?? undefined,
        running: scrape?.concurrent_usage ?? undefined,
        concurrencyLimit: scrape?.concurrent_limit ?? undefined,
      }
      return { data, text: `Scrapfly: ${data.left ?? 'unknown'} of ${data.limit ?? 'unknown'} credits left` }
    },
  })
