import type { Secret } from '../../base/secret.ts'
import { baseUrl } from '../shared/http/base-url.ts'
import type { HttpQuestion } from '../shared/http/send.ts'
import type { Surroundings } from '../shared/server.ts'
import { creditPrice } from '../shared/cost.ts'
import type { Usage } from '../shared/schemas.ts'
import { createVendor } from '../shared/vendor.ts'
import type { VendorAnswer } from '../shared/vendor.ts'
import { failureIn, headerNumber } from './failure-in.ts'

export type Options = Readonly<Record<string, string | number | boolean | undefined>>

/** Scrapfly's API, as documented in November 2026: the key in the query string, a JSON envelope around the page. */
export interface ScrapflyWire {
  readonly secrets: readonly Secret[]
  get(path: string, query: Options, signal: AbortSignal): Promise<VendorAnswer>
  post(path: string, query: Options, document: Document, signal: AbortSignal): Promise<VendorAnswer>
  /** Fetches a large page that the envelope only points to; `undefined` if the pointer leads to another host. */
  follow(pointer: string, signal: AbortSignal): Promise<VendorAnswer> | undefined
  usage(answer: VendorAnswer, credits?: number): Usage
}

export interface Document {
  readonly type: string
  readonly text: string
}

/** The service itself takes up to 150 s. */
const TIMEOUT_MS = 160_000
const MAX_BYTES = 16 * 1024 * 1024

export function openWire(surroundings: Surroundings): ScrapflyWire {
  const { env } = surroundings
  const api = baseUrl(env, 'SCRAPFLY_URL', 'https://api.scrapfly.io')
  const dollarsFor = creditPrice(env, 'SCRAPFLY_USD_PER_CREDIT')
  const keyVariables = ['SCRAPFLY_API_KEYS', 'SCRAPFLY_API_KEY', 'SCRAPFLY_KEY']
  const vendor = createVendor({ keyVariables, retries: 1, withKey, failureIn }, surroundings)
  const ask = (question: Pick<HttpQuestion, 'url' | 'body' | 'headers'>, signal: AbortSignal) =>
    vendor.ask({ ...question, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES }, signal)
  return {
    secrets: vendor.secrets,
    get: (path, query, signal) => ask({ url: api(path, query) }, signal),
    post: (path, query, { type, text }, signal) =>
      ask({ url: api(path, query), body: text, headers: { 'content-type': type } }, signal),
    follow(pointer, signal) {
      const url = URL.parse(pointer)
      return url === null || url.origin !== api('/').origin ? undefined : ask({ url }, signal)
    },
    usage(answer, credits = headerNumber(answer.headers, 'x-scrapfly-api-cost')) {
      const remaining = headerNumber(answer.headers, 'x-scrapfly-remaining-api-credit')
      return { requests: answer.requests, credits, costUsd: dollarsFor(credits), remaining }
    },
  }
}

function withKey(question: HttpQuestion, key: string): HttpQuestion {
  const url = new URL(question.url)
  url.searchParams.set('key', key)
  return { ...question, url }
}
