import { z } from 'zod'
import { number, text } from '../shared/lenient-schemas.ts'
import type { Secret } from '../../base/secret.ts'
import { baseUrl } from '../shared/http/base-url.ts'
import type { ToolFailure } from '../shared/tool-failure.ts'
import { jsonOf, recordOf } from '../shared/http/send.ts'
import type { HttpAnswer, HttpQuestion } from '../shared/http/send.ts'
import type { Surroundings } from '../shared/server.ts'
import { creditPrice } from '../shared/cost.ts'
import type { Usage } from '../shared/schemas.ts'
import { failureOfStatus } from '../shared/http/statuses.ts'
import { createVendor } from '../shared/vendor.ts'

/** Serper's API, as documented in November 2026: JSON posted with the key in a header, one path per kind of search. */
export interface SerperWire {
  readonly secrets: readonly Secret[]
  search(path: string, body: object, signal: AbortSignal): Promise<Paid>
  scrape(body: object, signal: AbortSignal): Promise<Paid>
  account(signal: AbortSignal): Promise<Paid>
  /** The usage of several requests together. */
  usage(paid: readonly Paid[]): Usage
}

export interface Paid {
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

export function openWire(surroundings: Surroundings): SerperWire {
  const { env } = surroundings
  const api = baseUrl(env, 'SERPER_URL', 'https://google.serper.dev')
  const scraper = baseUrl(env, 'SERPER_SCRAPE_URL', 'https://scrape.serper.dev')
  const dollarsFor = creditPrice(env, 'SERPER_USD_PER_CREDIT')
  const vendor = createVendor(
    { keyVariables: ['SERPER_API_KEYS', 'SERPER_API_KEY'], retries: 2, withKey, failureIn },
    surroundings,
  )
  const ask = async (question: Pick<HttpQuestion, 'url' | 'body'>, signal: AbortSignal) => {
    const answer = await vendor.ask({ ...question, timeoutMs: TIMEOUT_MS }, signal)
    return { reply: replyShape.parse(jsonOf(answer)), requests: answer.requests }
  }
  return {
    secrets: vendor.secrets,
    search: (path, body, signal) => ask({ url: api(path), body }, signal),
    scrape: (body, signal) => ask({ url: scraper('/'), body }, signal),
    account: (signal) => ask({ url: api('/account') }, signal),
    usage(paid) {
      const told = paid.map(({ reply }) => reply.credits).filter((credits) => typeof credits === 'number')
      const credits = told.length === 0 ? undefined : told.reduce((sum, one) => sum + one, 0)
      const requests = paid.reduce((sum, { requests }) => sum + requests, 0)
      return { requests, credits, costUsd: dollarsFor(credits) }
    },
  }
}

function withKey(question: HttpQuestion, key: string): HttpQuestion {
  return { ...question, headers: { ...question.headers, 'x-api-key': key } }
}

/** Out of credit is a 400; only the message distinguishes it from bad parameters. */
function failureIn(answer: HttpAnswer): ToolFailure | undefined {
  if (answer.status < 300) return undefined
  const { message } = recordOf(answer)
  const isBroke = answer.status === 400 && typeof message === 'string' && /not enough credits/i.test(message)
  return failureOfStatus(answer, { message, kind: isBroke ? 'quota' : undefined })
}
