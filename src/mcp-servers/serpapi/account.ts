import { z } from 'zod'
import { accountTool } from '../shared/account-tool.ts'
import { number, text } from '../shared/lenient-schemas.ts'
import { tool } from '../shared/tool.ts'
import type { SerpapiClient } from './client.ts'

const accountReply = z.looseObject({
  plan_name: text,
  plan_searches_left: number,
  total_searches_left: number,
  this_month_usage: number,
  last_hour_searches: number,
  account_rate_limit_per_hour: number,
})

export const account = (client: SerpapiClient) =>
  accountTool({
    title: 'Searches left',
    description:
      'Says how many SerpAPI searches are left, were used this month and are allowed per hour. Free.',
    output: z.object({
      provider: z.string(),
      plan: z.string().optional(),
      searchesLeft: z.number().optional(),
      usedThisMonth: z.number().optional(),
      usedLastHour: z.number().optional(),
      limitPerHour: z.number().optional(),
    }),
    async read(signal) {
      const reply = accountReply.parse(await client.free('/account.json', {}, signal))
      const data = {
        provider: 'serpapi',
        plan: reply.plan_name ?? undefined,
        searchesLeft: reply.total_searches_left ?? reply.plan_searches_left ?? undefined,
        usedThisMonth: reply.this_month_usage ?? undefined,
        usedLastHour: reply.last_hour_searches ?? undefined,
        limitPerHour: reply.account_rate_limit_per_hour ?? undefined,
      }
      return { data, text: `SerpAPI: ${data.searchesLeft ?? 'unknown'} searches left` }
    },
  })

const placesReply = z
  .array(z.looseObject({ canonical_name: text, country_code: text, target_type: text }))
  .catch([])

export const findLocation = (client: SerpapiClient) =>
  tool({
    name: 'find_location',
    title: 'Find a place name',
    description:
      "Finds the canonical place names that web_search and engine_search take as 'location'. Free.",
    input: z.strictObject({
      query: z.string().trim().min(1).max(100).describe("Part of a place name, for example 'Ghent'."),
      limit: z.int().min(1).max(20).default(5).describe('Maximum number of names to return.'),
    }),
    output: z.object({
      provider: z.string(),
      locations: z.array(
        z.object({ name: z.string(), country: z.string().optional(), type: z.string().optional() }),
      ),
    }),
    annotations: { idempotentHint: true },
    async run({ query, limit }, signal) {
      const places = placesReply.parse(await client.free('/locations.json', { q: query, limit }, signal))
      const locations = places
        .slice(0, limit)
        .flatMap(({ canonical_name: name, country_code, target_type }) =>
          name == null ? [] : [{ name, country: country_code ?? undefined, type: target_type ?? undefined }],
        )
      const text = locations.map(({ name }) => name).join('\n')
      return { data: { provider: 'serpapi', locations }, text: text === '' ? 'No such place.' : text }
    },
  })
