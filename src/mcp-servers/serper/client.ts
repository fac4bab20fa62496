import { z } from 'zod'
import { number, text } from '../shared/lenient-schemas.ts'
import type { Secret } from '../../base/secret.ts'
import { baseUrl } from '../shared/http/base-url.ts'
import type { ToolFailure } from '../shared/tool-failure.ts'
import { jsonOf, recordOf } from '../shared/http/send.ts'
import type { FetchResponse, FetchRequest } from '../shared/http/send.ts'
import type { ServerDependencies } from '../shared/server.ts'
import { creditPrice } from '../shared/cost.ts'
import type { Usage } from '../shared/schemas.ts'
import { failureOfStatus } from '../shared/http/statuses.ts'
import { createVendor } from '../shared/vendor.ts'

/** Serper's API, as documented in November 2026: JSON posted with the key in a header, one path per kind of search. */
export interface SerperClient {
  readonly secrets: readonly Secret[]
  search(path: string, body: object, signal: AbortSignal): Promise<PaidReply>
  scrape(body: object, signal: AbortSignal): Promise<PaidReply>
  account(signal: AbortSignal): Promise<PaidReply>
  /** The usage of several requests together. */
  usage(paid: readonly PaidReply[]): Usage
}

export interface PaidReply {
  readonly reply: Reply
  readonly requests: number
}

export type Reply = z.output<typeof replyShape>

const rows = z.array(z.looseObject({})).nullish().catch(undefined)
const replyShape = z.looseObject({
  organic: rows,
  answerBox: z
    .looseObject({ answer: text, snippet: text, title: text, link: text })
    .nullish()
    .catch(undefined),
  knowledgeGraph: z.looseObject({}).nullish().catch(undefined),
  peopleAlsoAsk: rows,
  relatedSearches: z
    .array(z.looseObject({ query: text }))
    .nullish()
    .catch(undefined),
  credits: number,
})

const TIMEOUT_MS = 15_000

export function createSerperClient(dependencies: ServerDependencies): SerperClient {
  const { env } = dependencies
  const api = baseUrl(env, 'SERPER_URL', 'https://google.serper.dev')
  const scraper = baseUrl(env, 'SERPER_SCRAPE_URL', 'https://scrape.serper.dev')
  const usdFor = creditPrice(env, 'SERPER_USD_PER_CREDIT')
  const vendor = createVendor(
    { keyVariables: ['SERPER_API_KEYS', 'SERPER_API_KEY'], retries: 2, withKey, failureIn },
    dependencies,
  )
  const send = async (request: Pick<FetchRequest, 'url' | 'body'>, signal: AbortSignal) => {
    const response = await vendor.send({ ...request, timeoutMs: TIMEOUT_MS }, signal)
    return { reply: replyShape.parse(jsonOf(response)), requests: response.requests }
  }
  return {
    secrets: vendor.secrets,
    search: (path, body, signal) => send({ url: api(path), body }, signal),
    scrape: (body, signal) => send({ url: scraper('/'), body }, signal),
    account: (signal) => send({ url: api('/account') }, signal),
    usage(paid) {
      const reported = paid.map(({ reply }) => reply.credits).filter((credits) => typeof credits === 'number')
      const credits = reported.length === 0 ? undefined : reported.reduce((sum, one) => sum + one, 0)
      const requests = paid.reduce((sum, { requests }) => sum + requests, 0)
      return { requests, credits, costUsd: usdFor(credits) }
    },
  }
}

function withKey(request: FetchRequest, key: string): FetchRequest {
  return { ...request, headers: { ...request.headers, 'x-api-key': key } }
}

/** Out of credit is a 400; only the message distinguishes it from bad parameters. */
function failureIn(response: FetchResponse): ToolFailure | undefined {
  if (response.status < 300) return undefined
  const { message } = recordOf(response)
  const isOutOfCredit =
    response.status === 400 && typeof message === 'string' && /not enough credits/i.test(message)
  return failureOfStatus(response, { message, kind: isOutOfCredit ? 'quota' : undefined })
}
