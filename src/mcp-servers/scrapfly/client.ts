import type { Secret } from '../../base/secret.ts'
import { baseUrl } from '../shared/http/base-url.ts'
import type { FetchRequest } from '../shared/http/send.ts'
import type { ServerDependencies } from '../shared/server.ts'
import { creditPrice } from '../shared/cost.ts'
import type { Usage } from '../shared/schemas.ts'
import { createVendor } from '../shared/vendor.ts'
import type { VendorResponse } from '../shared/vendor.ts'
import { failureIn, headerNumber } from './failure-in.ts'

export type Options = Readonly<Record<string, string | number | boolean | undefined>>

/** Scrapfly's API, as documented in November 2026: the key in the query string, a JSON envelope around the page. */
export interface ScrapflyClient {
  readonly secrets: readonly Secret[]
  get(path: string, query: Options, signal: AbortSignal): Promise<VendorResponse>
  post(path: string, query: Options, document: Document, signal: AbortSignal): Promise<VendorResponse>
  /** Fetches a large page that the envelope only points to; `undefined` if the pointer leads to another host. */
  follow(pointer: string, signal: AbortSignal): Promise<VendorResponse> | undefined
  usage(response: VendorResponse, credits?: number): Usage
}

export interface Document {
  readonly type: string
  readonly text: string
}

/** The service itself takes up to 150 s. */
const TIMEOUT_MS = 160_000
const MAX_BYTES = 16 * 1024 * 1024

export function createScrapflyClient(dependencies: ServerDependencies): ScrapflyClient {
  const { env } = dependencies
  const api = baseUrl(env, 'SCRAPFLY_URL', 'https://api.scrapfly.io')
  const usdFor = creditPrice(env, 'SCRAPFLY_USD_PER_CREDIT')
  const keyVariables = ['SCRAPFLY_API_KEYS', 'SCRAPFLY_API_KEY', 'SCRAPFLY_KEY']
  const vendor = createVendor({ keyVariables, retries: 1, withKey, failureIn }, dependencies)
  const send = (request: Pick<FetchRequest, 'url' | 'body' | 'headers'>, signal: AbortSignal) =>
    vendor.send({ ...request, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES }, signal)
  return {
    secrets: vendor.secrets,
    get: (path, query, signal) => send({ url: api(path, query) }, signal),
    post: (path, query, { type, text }, signal) =>
      send({ url: api(path, query), body: text, headers: { 'content-type': type } }, signal),
    follow(pointer, signal) {
      const url = URL.parse(pointer)
      return url === null || url.origin !== api('/').origin ? undefined : send({ url }, signal)
    },
    usage(response, credits = headerNumber(response.headers, 'x-scrapfly-api-cost')) {
      const remaining = headerNumber(response.headers, 'x-scrapfly-remaining-api-credit')
      return { requests: response.requests, credits, costUsd: usdFor(credits), remaining }
    },
  }
}

function withKey(request: FetchRequest, key: string): FetchRequest {
  const url = new URL(request.url)
  url.searchParams.set('key', key)
  return { ...request, url }
}
