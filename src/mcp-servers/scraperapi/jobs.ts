import { z } from 'zod'
import { number, text } from '../shared/lenient-schemas.ts'
import { jsonOf } from '../shared/http/send.ts'
import { maxChars } from '../shared/schemas.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { cut } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import { scrapeOptions, vendorOptions } from './options.ts'
import type { ScraperApiClient } from './client.ts'

const jobReply = z.looseObject({
  id: text,
  status: text,
  url: text,
  failReason: text,
  response: z.looseObject({ statusCode: number, body: z.unknown().optional() }).nullish().catch(undefined),
})
const jobsReply = z.union([z.array(jobReply), jobReply.transform((job) => [job])])

const jobId = z.string().regex(/^[A-Za-z0-9-]{8,64}$/, 'an id as submit_job returned it')

export const submitJob = (client: ScraperApiClient) =>
  tool({
    name: 'submit_job',
    title: 'Start reading many pages',
    description:
      'Starts reading up to 50 pages in the background (ScraperAPI) and returns one job id per page at once; fetch the pages with get_job. Use it for slow sites or many pages. Costs the same as scrape_page.',
    input: z.strictObject({
      urls: z.array(targetUrl).min(1).max(50).describe('Pages to read.'),
      ...scrapeOptions,
    }),
    output: z.object({
      provider: z.string(),
      jobs: z.array(z.object({ id: z.string(), url: z.string(), status: z.string() })),
    }),
    // It starts paid work that continues after the call.
    annotations: { readOnlyHint: false },
    async run({ urls, ...options }, signal) {
      const apiParams = vendorOptions(options)
      const [url] = urls
      const body = urls.length === 1 ? { url, apiParams } : { urls, apiParams }
      const started = jobsReply.parse(jsonOf(await client.startJob(body, urls.length > 1, signal)))
      const jobs = started.flatMap((job, index) =>
        job.id == null
          ? []
          : [{ id: job.id, url: job.url ?? urls[index] ?? '', status: job.status ?? 'running' }],
      )
      return {
        data: { provider: 'scraperapi', jobs },
        text: jobs.map((job) => `${job.id}: ${job.status} ${job.url}`).join('\n'),
      }
    },
  })

export const getJob = (client: ScraperApiClient) =>
  tool({
    name: 'get_job',
    title: 'Fetch a page read in the background',
    description:
      'Returns the status of a job of submit_job, and its page when it is finished. Free; call it again after some seconds.',
    input: z.strictObject({ job_id: jobId.describe('Id from submit_job.'), max_chars: maxChars }),
    output: z.object({
      provider: z.string(),
      id: z.string(),
      status: z.string().describe('running, finished or failed.'),
      url: z.string().optional(),
      siteStatus: z.number().optional(),
      content: z.string().optional().describe('Untrusted text of the page.'),
      reason: z.string().optional().describe('Why it failed.'),
      truncated: z.boolean(),
    }),
    annotations: { idempotentHint: true },
    async run({ job_id, max_chars }, signal) {
      const job = jobReply.parse(jsonOf(await client.readJob(job_id, signal)))
      const body = job.response?.body
      const whole = body == null ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
      const content = whole === undefined ? undefined : cut(whole, max_chars)
      const data = {
        provider: 'scraperapi',
        id: job_id,
        status: job.status ?? 'unknown',
        url: job.url ?? undefined,
        siteStatus: job.response?.statusCode ?? undefined,
        content: content?.text,
        reason: job.failReason ?? undefined,
        truncated: content?.truncated ?? false,
      }
      return {
        data,
        text: `${data.status} ${data.url ?? job_id}\n\n${data.content ?? data.reason ?? ''}`.trim(),
      }
    },
  })
