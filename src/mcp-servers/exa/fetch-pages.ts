import { z } from 'zod'
import { ToolFailure } from '../shared/tool-failure.ts'
import type { FailureKind } from '../shared/tool-failure.ts'
import { usageShape } from '../shared/schemas.ts'
import { showUsage } from '../shared/format.ts'
import { targetUrl } from '../shared/http/target-url.ts'
import { cut } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import { contentsFor } from './contents.ts'
import { TIMEOUT_MS } from './client.ts'
import type { ExaClient, Reply, Row } from './client.ts'

const pageRow = z.object({
  url: z.string(),
  title: z.string().optional(),
  publishedAt: z.string().optional(),
  author: z.string().optional(),
  content: z.string().describe('Untrusted text of the page.'),
  truncated: z.boolean(),
  subpages: z
    .array(z.object({ url: z.string(), title: z.string().optional(), content: z.string() }))
    .optional(),
})

export const fetchPages = (client: ExaClient) =>
  tool({
    name: 'fetch_pages',
    title: 'Read pages',
    description:
      'Reads the text, the best passages or a summary of up to 20 public pages at once (Exa, mostly from its cache). Pages that fail are listed under failures; the others still come. For pages behind scripts or robot checks use a scraping server.',
    input: z.strictObject({
      urls: z.array(targetUrl).min(1).max(20).describe('Addresses to read.'),
      content: z
        .enum(['text', 'highlights', 'summary'])
        .default('text')
        .describe('What to return of each page.'),
      max_chars: z
        .int()
        .min(200)
        .max(50_000)
        .default(8000)
        .describe('Maximum length of the content per page.'),
      max_age_hours: z.int().min(-1).max(8760).optional().describe('Oldest copy to accept; 0 reads anew.'),
      subpages: z.int().min(0).max(5).optional().describe('Linked pages to read with each.'),
    }),
    output: z.object({
      provider: z.string(),
      pages: z.array(pageRow),
      failures: z.array(z.object({ url: z.string(), kind: z.string(), tag: z.string() })),
      usage: usageShape,
      truncated: z.boolean(),
    }),
    async run({ urls, content, max_chars, max_age_hours, subpages }, signal) {
      const body = { urls, ...contentsFor(content, max_chars), maxAgeHours: max_age_hours, subpages }
      const { reply, usage } = await client.post('/contents', body, TIMEOUT_MS, signal)
      const failures = failuresIn(reply)
      const pages = (reply.results ?? []).map((row) => presentPage(row, max_chars))
      const [firstFailure] = failures
      if (pages.length === 0 && firstFailure !== undefined) throw allFailed(firstFailure, failures.length)
      const truncated = pages.some((page) => page.truncated)
      const data = { provider: 'exa', pages, failures, usage, truncated }
      const lost = failures.map(({ url, kind, tag }) => `FAILED ${url}: ${kind} (${tag})`)
      const texts = pages.map((page) => `# ${page.title ?? page.url}\n${page.url}\n\n${page.content}`)
      return { data, text: [...texts, ...lost, showUsage(usage)].join('\n\n') }
    },
  })

/** The vendor's list of tags is open-ended; unknown tags are classified by status. */
const KIND_OF_TAG: Readonly<Record<string, FailureKind>> = {
  CRAWL_NOT_FOUND: 'not_found',
  CRAWL_TIMEOUT: 'timeout',
  CRAWL_LIVECRAWL_TIMEOUT: 'timeout',
  SOURCE_NOT_AVAILABLE: 'blocked',
  UNSUPPORTED_URL: 'bad_request',
  CRAWL_UNKNOWN_ERROR: 'target_error',
}

interface Failed {
  readonly url: string
  readonly kind: FailureKind
  readonly tag: string
}

/** Failures of single pages are reported inside a 200. */
function failuresIn(reply: Reply): Failed[] {
  return (reply.statuses ?? [])
    .filter(({ status }) => status === 'error')
    .map(({ id, error }) => {
      const tag = error?.tag ?? 'UNKNOWN'
      return {
        url: id ?? '',
        kind: KIND_OF_TAG[tag] ?? (error?.httpStatusCode === 403 ? 'blocked' : 'target_error'),
        tag,
      }
    })
}

function allFailed({ kind, tag, url }: Failed, count: number): ToolFailure {
  const others = count === 1 ? '' : ` and ${count - 1} more failed`
  return new ToolFailure(kind, `${url} could not be read (${tag})${others}`, {
    status: 200,
    code: tag,
    retryable: false,
  })
}

function presentPage(row: Row, maxChars: number) {
  const whole = row.text ?? row.summary ?? (row.highlights ?? []).join('\n\n')
  const content = cut(whole, maxChars)
  return {
    url: row.url ?? row.id ?? '',
    title: row.title ?? undefined,
    publishedAt: row.publishedDate ?? undefined,
    author: row.author ?? undefined,
    content: content.text,
    truncated: content.truncated,
    subpages: row.subpages?.map((page) => ({
      url: page.url ?? '',
      title: page.title ?? undefined,
      content: cut(page.text ?? '', maxChars).text,
    })),
  }
}
