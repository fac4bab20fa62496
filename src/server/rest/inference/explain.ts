import type { FastifyReply, FastifyRequest } from 'fastify'
import { findCaller } from '../../http/authenticate.ts'
import { BrokerError } from '../../../base/errors.ts'
import { dollarsNumber, type Money } from '../../../base/money.ts'
import { explain, type Candidate, type Explanation, type Inquiry } from '../../../inference/explain.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import { parseCompletionRequest } from '../../../wire/openai/completion.ts'
import { parseEmbeddingRequest } from '../../../wire/openai/embedding.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import { renderError } from '../../http/errors/error-response.ts'
import type { BodyReader } from './respond.ts'
import { pricingOf } from '../models/pricing-json.ts'

/**
 * `POST /explain`: takes the body of a chat, a completion or an embedding and calls no provider. Returns every candidate in the
 * order in which it would be tried, and every excluded endpoint with the reason.
 */
export function postExplain(
  request: FastifyRequest,
  _reply: FastifyReply,
  rooms: Rooms,
  readBody: BodyReader,
): object {
  const inquiry = inquiryOf(readBody(request))
  const { candidates, excluded, leftOut, error } = explain(inquiry, findCaller(request), rooms)
  return {
    model: inquiry.wishes.model,
    kind: inquiry.kind,
    candidates: candidates.map((candidate) => candidateRow(candidate, rooms)),
    excluded: excluded.map(({ endpoint, step, reason }) => ({
      endpoint: endpoint.id,
      model: endpoint.model,
      provider: endpoint.provider,
      pricing: pricingOf(endpoint.price),
      step,
      reason,
    })),
    ...(leftOut.length === 0 ? {} : { models_left_out: leftOut.map(leftOutRow) }),
    ...(error === undefined ? {} : { error: renderError(error).body.error }),
  }
}

/** `POST /quote`: the expected cost of a request at the first candidate, and its maximum cost at the most expensive one. */
export function postQuote(
  request: FastifyRequest,
  _reply: FastifyReply,
  rooms: Rooms,
  readBody: BodyReader,
): object {
  const inquiry = inquiryOf(readBody(request))
  const { candidates, error } = explain(inquiry, findCaller(request), rooms)
  if (error !== undefined) throw error
  const [first] = candidates
  if (first === undefined) throw new BrokerError('none-fits', 'no endpoint can serve this request')
  const most = candidates.flatMap(({ quote }) => quote.most ?? [])
  return {
    model: inquiry.wishes.model,
    endpoint: first.endpoint.id,
    prompt_tokens: first.quote.promptTokens,
    completion_tokens: first.quote.completionTokens,
    ...usd({ expected_usd: first.quote.expected, most_usd: largest(most) }),
    unpriced: candidates.some(({ quote }) => quote.most === undefined),
    candidates: candidates.map((candidate) => candidateRow(candidate, rooms)),
  }
}

function leftOutRow({ model, error }: Explanation['leftOut'][number]): object {
  return { model, reason: error.message }
}

function inquiryOf(body: JsonBody): Inquiry {
  const { value } = body
  if (value['input'] !== undefined)
    return { kind: 'embedding', ...parseEmbeddingRequest(body), maxTokens: 0, choices: 1 }
  if (value['messages'] === undefined && value['prompt'] !== undefined) {
    const asked = parseCompletionRequest(body)
    return { kind: 'chat', ...asked, body: asked.chatBody }
  }
  return { kind: 'chat', ...parseChatRequest(body) }
}

function candidateRow({ endpoint, quote, readiness }: Candidate, { providers, figures }: Rooms): object {
  const measured = figures.of(endpoint.id)
  return {
    endpoint: endpoint.id,
    model: endpoint.model,
    provider: endpoint.provider,
    provider_name: providers().get(endpoint.provider)?.displayName ?? endpoint.provider,
    priority: endpoint.priority,
    pricing: pricingOf(endpoint.price),
    ...usd({ expected_usd: quote.expected, most_usd: quote.most }),
    ...(quote.most === undefined ? { unpriced: true } : {}),
    ...restOf(readiness),
    latency_last_30m: measured?.latency ?? null,
    throughput_last_30m: measured?.throughput ?? null,
  }
}

/** Why a candidate is skipped for now, and for how long. */
function restOf(readiness: Candidate['readiness']): object {
  if (readiness?.state !== 'resting') return {}
  return { resting: { reason: readiness.reason, for_ms: Math.ceil(readiness.readyInMs) } }
}

function usd(amounts: Readonly<Record<string, Money | undefined>>): Record<string, number> {
  const known = Object.entries(amounts).flatMap(([name, amount]) =>
    amount === undefined ? [] : [[name, dollarsNumber(amount)] as const],
  )
  return Object.fromEntries(known)
}

function largest(amounts: readonly Money[]): Money | undefined {
  return amounts.reduce<Money | undefined>(
    (most, amount) => (most === undefined || amount > most ? amount : most),
    undefined,
  )
}
