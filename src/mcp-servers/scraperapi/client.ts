import type { Secret } from '../../base/secret.ts'
import { baseUrl } from '../shared/http/base-url.ts'
import type { FailureKind, ToolFailure } from '../shared/tool-failure.ts'
import { textOf } from '../shared/http/send.ts'
import type { FetchResponse, FetchRequest } from '../shared/http/send.ts'
import type { ServerDependencies } from '../shared/server.ts'
import { creditPrice } from '../shared/cost.ts'
import type { Usage } from '../shared/schemas.ts'
import { failureOfStatus } from '../shared/http/statuses.ts'
import { createVendor } from '../shared/vendor.ts'
import type { VendorResponse } from '../shared/vendor.ts'

export type Options = Readonly<Record<string, string | number | boolean | undefined>>

/** ScraperAPI's API, as documented in November 2026: the key in the query string (in the body for jobs), facts in headers. */
export interface ScraperApiClient {
  readonly secrets: readonly Secret[]
  /** The body of the response is the page. */
  scrape(target: string, options: Options, signal: AbortSignal): Promise<VendorResponse>
  get(path: string, query: Options, signal: AbortSignal): Promise<VendorResponse>
  startJob(body: object, isBatch: boolean, signal: AbortSignal): Promise<VendorResponse>
  readJob(id: string, signal: AbortSignal): Promise<VendorResponse>
  usage(response: VendorResponse): Usage
}

/** The service itself retries for 70 s. */
const SCRAPE_TIMEOUT_MS = 80_000
const TIMEOUT_MS = 20_000
const MAX_PAGE_BYTES = 16 * 1024 * 1024

export function createScraperApiClient(dependencies: ServerDependencies): ScraperApiClient {
  const { env } = dependencies
  const api = baseUrl(env, 'SCRAPERAPI_URL', 'https://api.scraperapi.com')
  const jobs = baseUrl(env, 'SCRAPERAPI_ASYNC_URL', 'https://async.scraperapi.com')
  const usdFor = creditPrice(env, 'SCRAPERAPI_USD_PER_CREDIT')
  const keyVariables = ['SCRAPERAPI_API_KEYS', 'SCRAPERAPI_API_KEY', 'SCRAPERAPI_KEY']
  const vendor = createVendor({ keyVariables, retries: 1, withKey, failureIn }, dependencies)
  return {
    secrets: vendor.secrets,
    scrape(target, options, signal) {
      const url = api('/', { ...options, url: target })
      return vendor.send(
        { url, timeoutMs: SCRAPE_TIMEOUT_MS, maxBytes: MAX_PAGE_BYTES, headers: { accept: '*/*' } },
        signal,
      )
    },
    get: (path, query, signal) => vendor.send({ url: api(path, query), timeoutMs: TIMEOUT_MS }, signal),
    startJob: (body, isBatch, signal) =>
      vendor.send({ url: jobs(isBatch ? '/batchjobs' : '/jobs'), body, timeoutMs: TIMEOUT_MS }, signal),
    readJob: (id, signal) =>
      vendor.send({ url: jobs(`/jobs/${id}`), timeoutMs: TIMEOUT_MS, maxBytes: MAX_PAGE_BYTES }, signal),
    usage(response) {
      const credits = numberOf(response.headers.get('sa-credit-cost'))
      return { requests: response.requests, credits, costUsd: usdFor(credits) }
    },
  }
}

/** Jobs take the key in the body; all other requests in the query, before `url`, which must be last. */
function withKey(request: FetchRequest, key: string): FetchRequest {
  if (typeof request.body === 'object') return { ...request, body: { apiKey: key, ...request.body } }
  const url = new URL(request.url)
  const rest = [...url.searchParams]
  url.search = ''
  for (const [name, value] of [['api_key', key] as const, ...rest]) url.searchParams.append(name, value)
  return { ...request, url }
}

export function numberOf(text: string | null): number | undefined {
  return text === null || text.trim() === '' || !Number.isFinite(Number(text)) ? undefined : Number(text)
}

/** A 403 is the site's if the site's status is present, else the vendor's: credit, plan, or `max_cost`. */
function failureIn(response: FetchResponse): ToolFailure | undefined {
  if (response.status < 300) return undefined
  const siteStatus = response.headers.get('sa-statuscode')
  const words =
    siteStatus === null ? textOf(response).trim().replace(/\s+/g, ' ') : `the site answered ${siteStatus}`
  const credits = numberOf(response.headers.get('sa-credit-cost'))
  return failureOfStatus(response, {
    message: words,
    credits,
    ...verdict(response.status, siteStatus !== null, words),
  })
}

function verdict(
  status: number,
  isSite: boolean,
  words: string,
): { kind?: FailureKind; retryable?: boolean } {
  if (status === 403 && isSite) return { kind: 'blocked' }
  if (status === 403)
    return { kind: /max_cost|not (available|included)|upgrade/i.test(words) ? 'bad_request' : 'quota' }
  if (status === 404 || status === 410) return { kind: 'target_error', retryable: false }
  return {}
}
