import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../../../base/errors.ts'
import { usdNumber, ZERO } from '../../../base/money.ts'
import { certaintyOf, costJson } from '../../../inference/response/cost-json.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import { isSameCaller } from '../../../auth/caller.ts'
import type { Entry, FailedAttempt } from '../../../ledger/types.ts'
import { authenticate } from '../../http/authenticate.ts'

/** `GET /generation?id=`: one of the caller's own requests, from the ledger. Throws `bad-request`, `not-found`. */
export async function getGeneration(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
): Promise<object> {
  const { id } = request.query as { id?: unknown }
  if (typeof id !== 'string' || id === '')
    throw new BrokerError('bad-request', 'name the generation: /generation?id=gen-…')
  const entry = await entryOf(services.upstreamIds.resolve(id), services)
  if (entry === undefined || !isSameCaller(entry.caller, authenticate(request)))
    throw new BrokerError('not-found', `Generation ${id} not found`)
  return { data: rowOf(id, entry, services) }
}

const MAX_WAIT_MS = 2000
const POLL_INTERVAL_MS = 10

/** A caller may ask as soon as its response ends: wait for an entry that is still being written. */
async function entryOf(id: string, { ledger, clock }: AdminServices): Promise<Entry | undefined> {
  const until = clock.monotonic() + MAX_WAIT_MS
  for (;;) {
    const entry = ledger.find(id)
    if (entry !== undefined || clock.monotonic() > until) return entry
    if (!ledger.openHolds().some((hold) => hold.id === id)) return ledger.find(id)
    await new Promise<void>((resolve) => clock.after(POLL_INTERVAL_MS, resolve))
  }
}

const API_TYPES: Readonly<Record<string, string>> = {
  chat: 'completions',
  embedding: 'embeddings',
  speech: 'tts',
  transcription: 'stt',
}

function rowOf(id: string, entry: Entry, services: AdminServices): Record<string, unknown> {
  const { usage, caller } = entry
  const costs = services.ledger.correctedCost(entry)
  // OpenRouter's clients expect a number: what is known. What it may be beyond that is in `x_aibroker`.
  const cost = usdNumber(costs.cost ?? costs.costLow ?? ZERO)
  const servedBy = entry.endpoint === undefined ? undefined : services.catalog().endpoints.get(entry.endpoint)
  return {
    id,
    upstream_id: id === entry.id ? null : id,
    request_id: entry.id,
    session_id: null,
    preset_id: null,
    workspace_id: null,
    app_id: null,
    external_user: caller.context ?? null,
    model: servedBy?.model ?? entry.requestedModel,
    provider_name: nameOf(entry.provider, services),
    router: null,
    api_type: API_TYPES[entry.kind] ?? null,
    data_region: 'global',
    service_tier: null,
    created_at: new Date(entry.startedAt).toISOString(),
    streamed: entry.streamed,
    cancelled: entry.status === 'cancelled',
    finish_reason: entry.finishReason ?? null,
    native_finish_reason: entry.finishReason ?? null,
    total_cost: cost,
    usage: cost,
    cache_discount: null,
    upstream_inference_cost: costs.cost === undefined ? null : cost,
    is_byok: false,
    latency: entry.firstTokenMs ?? null,
    generation_time: generationTime(entry),
    moderation_latency: null,
    tokens_prompt: usage?.prompt ?? null,
    tokens_completion: usage?.completion ?? null,
    native_tokens_prompt: usage?.prompt ?? null,
    native_tokens_completion: usage?.completion ?? null,
    native_tokens_reasoning: usage?.reasoning ?? null,
    native_tokens_cached: usage?.cachedPrompt ?? null,
    native_tokens_completion_images: null,
    num_media_prompt: null,
    num_input_audio_prompt: null,
    num_media_completion: null,
    num_search_results: null,
    num_fetches: null,
    web_search_engine: null,
    origin: entry.referer ?? '',
    http_referer: entry.referer ?? null,
    user_agent: null,
    response_cache_source_id: null,
    provider_responses: [
      ...entry.attempts.map((attempt) => failedRow(attempt, services)),
      ...responseRow(entry, services),
    ],
    x_aibroker: {
      status: entry.status,
      // One round of a chat with tools: the whole has more rows, and costs more than this one.
      ...(entry.group === undefined ? {} : { group: entry.group }),
      endpoint: entry.endpoint ?? null,
      title: entry.title ?? null,
      count_source: entry.countSource,
      certainty: certaintyOf(costs),
      ...costJson(costs),
      ...(entry.error === undefined ? {} : { error: entry.error }),
    },
  }
}

function generationTime({ durationMs, firstTokenMs }: Entry): number | null {
  return durationMs === undefined ? null : durationMs - (firstTokenMs ?? 0)
}

function failedRow({ endpoint, status, ms }: FailedAttempt, services: AdminServices): object {
  const { provider, model } = services.catalog().endpoints.get(endpoint) ?? {
    provider: endpoint.split('/')[0],
    model: endpoint,
  }
  return {
    endpoint_id: endpoint,
    id: endpoint,
    is_byok: false,
    latency: Math.round(ms),
    model_permaslug: model,
    provider_name: nameOf(provider, services),
    status: status ?? null,
  }
}

function responseRow({ endpoint, provider, firstTokenMs, status }: Entry, services: AdminServices): object[] {
  if (endpoint === undefined) return []
  return [
    {
      endpoint_id: endpoint,
      id: endpoint,
      is_byok: false,
      latency: firstTokenMs ?? null,
      model_permaslug: services.catalog().endpoints.get(endpoint)?.model ?? endpoint,
      provider_name: nameOf(provider, services),
      status: status === 'finished' ? 200 : null,
    },
  ]
}

function nameOf(provider: string | undefined, { providers }: AdminServices): string | null {
  return provider === undefined ? null : (providers().get(provider)?.displayName ?? provider)
}
