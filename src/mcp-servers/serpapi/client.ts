import type { Secret } from '../../base/secret.ts'
import { baseUrl } from '../shared/http/base-url.ts'
import { ToolFailure } from '../shared/tool-failure.ts'
import { jsonOf, recordOf } from '../shared/http/send.ts'
import type { FetchResponse, FetchRequest } from '../shared/http/send.ts'
import type { ServerDependencies } from '../shared/server.ts'
import { creditPrice } from '../shared/cost.ts'
import type { Usage } from '../shared/schemas.ts'
import { failureOfStatus } from '../shared/http/statuses.ts'
import { createVendor } from '../shared/vendor.ts'

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** SerpAPI's API, as documented in November 2026: GET everywhere, the key in the query string. */
export interface SerpapiClient {
  readonly secrets: readonly Secret[]
  /** A search without results: `reply` then has no results and no error. */
  search(query: Query, signal: AbortSignal): Promise<SerpapiReply>
  archived(id: string, signal: AbortSignal): Promise<SerpapiReply>
  free(path: string, query: Query, signal: AbortSignal): Promise<unknown>
}

export interface SerpapiReply {
  readonly reply: Readonly<Record<string, unknown>>
  readonly usage: Usage
}

const TIMEOUT_MS = 30_000
/** The `error` of a 200 when nothing was found, whatever the status field contains. */
const EMPTY = /hasn't returned any results/i

export function createSerpapiClient(dependencies: ServerDependencies): SerpapiClient {
  const api = baseUrl(dependencies.env, 'SERPAPI_URL', 'https://serpapi.com')
  const usdFor = creditPrice(dependencies.env, 'SERPAPI_USD_PER_CREDIT')
  const vendor = createVendor(
    { keyVariables: ['SERPAPI_API_KEYS', 'SERPAPI_API_KEY', 'SERPAPI_KEY'], retries: 2, withKey, failureIn },
    dependencies,
  )
  const send = async (url: URL, signal: AbortSignal) => {
    const response = await vendor.send({ url, timeoutMs: TIMEOUT_MS }, signal)
    return { value: jsonOf(response), requests: response.requests }
  }
  /** Responses do not state their cost: a search is one credit, or free from the cache of the last hour. */
  const found = async (url: URL, creditsAtMost: number, signal: AbortSignal): Promise<SerpapiReply> => {
    const { value, requests } = await send(url, signal)
    const usage = { requests, creditsAtMost, costUsd: creditsAtMost === 0 ? usdFor(0) : undefined }
    return { reply: typeof value === 'object' && value !== null ? { ...value } : {}, usage }
  }
  return {
    secrets: vendor.secrets,
    search: (query, signal) => found(api('/search.json', { ...query, output: 'json' }), 1, signal),
    archived: (id, signal) => found(api(`/searches/${encodeURIComponent(id)}.json`), 0, signal),
    free: async (path, query, signal) => (await send(api(path, query), signal)).value,
  }
}

function withKey(request: FetchRequest, key: string): FetchRequest {
  const url = new URL(request.url)
  url.searchParams.set('api_key', key)
  return { ...request, url }
}

/** A 200 may contain an error; a 429 means too fast or out of credit, which only the message distinguishes. */
function failureIn(response: FetchResponse): ToolFailure | undefined {
  const { error, search_metadata: metadata } = recordOf(response)
  if (response.status >= 300) {
    const isOutOfCredit =
      response.status === 429 &&
      typeof error === 'string' &&
      /run out|ran out|used up|searches left/i.test(error)
    return failureOfStatus(response, { message: error, kind: isOutOfCredit ? 'quota' : undefined })
  }
  const hasFailed =
    typeof metadata === 'object' && metadata !== null && 'status' in metadata && metadata.status === 'Error'
  if (typeof error !== 'string')
    return hasFailed
      ? new ToolFailure('upstream', 'the search failed', { status: 200, retryable: false })
      : undefined
  if (EMPTY.test(error)) return undefined
  // An error inside a 200 is about this search: its parameters, or an engine that failed.
  return failureOfStatus(response, {
    message: error,
    kind: hasFailed ? 'upstream' : 'bad_request',
    retryable: false,
  })
}
