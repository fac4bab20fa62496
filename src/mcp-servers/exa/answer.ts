import { z } from 'zod'
import { country, query, usageShape } from '../shared/schemas.ts'
import { showUsage } from '../shared/format.ts'
import { cut } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import { LONG_TIMEOUT_MS } from './client.ts'
import type { ExaClient } from './client.ts'

const MAX_CITATION_CHARS = 4000

export const answer = (client: ExaClient) =>
  tool({
    name: 'answer',
    title: 'Answer with sources',
    description:
      'Answers a question from the web in a few sentences, with the pages it relied on (Exa). For research of your own use web_search.',
    input: z.strictObject({
      query: query.describe('The question.'),
      include_text: z.boolean().default(false).describe('Return the text of the sources too.'),
      country: country.optional(),
    }),
    output: z.object({
      provider: z.string(),
      query: z.string(),
      answer: z.string(),
      citations: z.array(
        z.object({
          url: z.string(),
          title: z.string().optional(),
          publishedAt: z.string().optional(),
          text: z.string().optional(),
        }),
      ),
      usage: usageShape,
    }),
    async run({ query, include_text, country }, signal) {
      const body = { query, text: include_text, userLocation: country?.toUpperCase() }
      const { reply, usage } = await client.post('/answer', body, LONG_TIMEOUT_MS, signal)
      const answer = typeof reply.answer === 'string' ? reply.answer : JSON.stringify(reply.answer ?? '')
      const citations = (reply.citations ?? []).map((row) => ({
        url: row.url ?? row.id ?? '',
        title: row.title ?? undefined,
        publishedAt: row.publishedDate ?? undefined,
        text: row.text == null ? undefined : cut(row.text, MAX_CITATION_CHARS).text,
      }))
      const sources = citations.map(({ url, title }, index) => `[${index + 1}] ${title ?? url} ${url}`)
      const data = { provider: 'exa', query, answer, citations, usage }
      return { data, text: [answer, '', ...sources, '', showUsage(usage)].join('\n') }
    },
  })
