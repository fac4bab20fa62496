import { z } from 'zod'
import { number, text } from '../shared/lenient-schemas.ts'
import type { Secret } from '../../base/secret.ts'
import { baseUrl } from '../shared/http/base-url.ts'
import type { FailureKind, ToolFailure } from '../shared/tool-failure.ts'
import { jsonOf, recordOf } from '../shared/http/send.ts'
import type { FetchResponse, FetchRequest } from '../shared/http/send.ts'
import type { ServerDependencies } from '../shared/server.ts'
import type { Usage } from '../shared/schemas.ts'
import { failureOfStatus } from '../shared/http/statuses.ts'
import { createVendor } from '../shared/vendor.ts'

/** Exa's API, as documented in November 2026: JSON posted with the key in a header; responses state their cost. */
export interface ExaClient {
  readonly secrets: readonly Secret[]
  post(
    path: string,
    body: object,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<{ reply: Reply; usage: Usage }>
}

export type Reply = z.output<typeof replyShape>
export type Row = z.output<typeof rowShape>

const rowShape = z.looseObject({
  id: text,
  url: text,
  title: text,
  publishedDate: text,
  author: text,
  score: number,
  text,
  summary: text,
  highlights: z.array(z.string()).nullish().catch(undefined),
  get subpages() {
    return z
      .array(z.looseObject({ url: text, title: text, text }))
      .nullish()
      .catch(undefined)
  },
})
const replyShape = z.looseObject({
  results: z.array(rowShape).nullish().catch(undefined),
  answer: z.unknown().optional(),
  citations: z.array(rowShape).nullish().catch(undefined),
  statuses: z
    .array(
      z.looseObject({
        id: text,
        status: text,
        error: z.looseObject({ tag: text, httpStatusCode: number }).nullish().catch(undefined),
      }),
    )
    .nullish()
    .catch(undefined),
  warnings: z.array(z.unknown()).nullish().catch(undefined),
  costDollars: z.looseObject({ total: z.number() }).nullish().catch(undefined),
})

export const TIMEOUT_MS = 30_000
export const LONG_TIMEOUT_MS = 60_000

export function createExaClient(dependencies: ServerDependencies): ExaClient {
  const api = baseUrl(dependencies.env, 'EXA_URL', 'https://api.exa.ai')
  const vendor = createVendor(
    { keyVariables: ['EXA_API_KEYS', 'EXA_API_KEY'], retries: 2, withKey, failureIn },
    dependencies,
  )
  return {
    secrets: vendor.secrets,
    async post(path, body, timeoutMs, signal) {
      const response = await vendor.send({ url: api(path), body, timeoutMs }, signal)
      const reply = replyShape.parse(jsonOf(response))
      return { reply, usage: { requests: response.requests, costUsd: reply.costDollars?.total } }
    },
  }
}

function withKey(request: FetchRequest, key: string): FetchRequest {
  return { ...request, headers: { ...request.headers, 'x-api-key': key } }
}

const KIND_OF_TAG: Readonly<Record<string, FailureKind>> = {
  NO_MORE_CREDITS: 'quota',
  API_KEY_BUDGET_EXCEEDED: 'quota',
  ROBOTS_FILTER_FAILED: 'blocked',
  PROHIBITED_CONTENT: 'blocked',
  RESEARCH_RETIRED: 'bad_request',
  INVALID_URLS: 'bad_request',
}

function failureIn(response: FetchResponse): ToolFailure | undefined {
  if (response.status < 300) return undefined
  const { error, tag } = recordOf(response)
  const kind = typeof tag === 'string' ? KIND_OF_TAG[tag] : undefined
  return failureOfStatus(response, {
    message: error,
    code: tag,
    kind: kind ?? (response.status === 410 ? 'bad_request' : undefined),
  })
}
