import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../../../base/errors.ts'
import { dollarsNumber, NOTHING } from '../../../base/money.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import type { Caller } from '../../../auth/caller.ts'
import type { Entry, FailedAttempt } from '../../../ledger/types.ts'
import { findCaller } from '../../http/authenticate.ts'

/** `GET /generation?id=`: one of the caller's own requests, from the ledger. Throws `bad-request`, `not-found`. */
export async function getGeneration(
  request: FastifyRequest,
  _reply: FastifyReply,
  rooms: Rooms,
): Promise<object> {
  const { id } = request.query as { id?: unknown }
  if (typeof id !== 'string' || id === '')
    throw new BrokerError('bad-request', 'name the generation: /generation?id=gen-…')
  const entry = await entryOf(rooms.upstreamIds.ours(id), rooms)
  if (entry === undefined || !isOwn(entry, findCaller(request)))
    throw new BrokerError('not-found', `Generation ${id} not found`)
  return { data: rowOf(id, entry, rooms) }
}

const PATIENCE_MS = 2000
const STEP_MS = 10

/** A caller may ask as soon as its response ends: wait for an entry that is still being written. */
async function entryOf(id: string, { ledger, clock }: Rooms): Promise<Entry | undefined> {
  const until = clock.monotonic() + PATIENCE_MS
  for (;;) {
    const entry = ledger.find(id)
    if (entry !== undefined || clock.monotonic() > until) return entry
    if (!ledger.openHolds().some((hold) => hold.id === id)) return ledger.find(id)
    await new Promise<void>((resolve) => clock.after(STEP_MS, resolve))
  }
}

function isOwn({ caller }: Entry, asking: Caller): boolean {
  return caller.ip === asking.ip && caller.context === asking.context
}

const API_TYPES: Readonly<Record<string, string>> = {
  chat: 'completions',
  embedding: 'embeddings',
  speech: 'tts',
  transcription: 'stt',
}

function rowOf(id: string, entry: Entry, rooms: Rooms): Record<string, unknown> {
  const { usage, caller } = entry
  const known = rooms.ledger.correctedCost(entry)
  const cost = dollarsNumber(known ?? entry.costHigh ?? NOTHING)
  const answered = entry.endpoint === undefined ? undefined : rooms.catalog().endpoints.get(entry.endpoint)
  return {
    id,
    upstream_id: id === entry.id ? null : id,
    request_id: entry.id,
    session_id: null,
    preset_id: null,
    workspace_id: null,
    app_id: null,
    external_user: caller.context ?? null,
    model: answered?.model ?? entry.modelAsked,
    provider_name: nameOf(entry.provider, rooms),
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
    upstream_inference_cost: known === undefined ? null : cost,
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
      ...entry.attempts.map((attempt) => failedRow(attempt, rooms)),
      ...answerRow(entry, rooms),
    ],
    x_aibroker: {
      status: entry.status,
      endpoint: entry.endpoint ?? null,
      title: entry.title ?? null,
      count_source: entry.countSource,
      ...(known === undefined ? { unpriced: true } : {}),
      ...(entry.error === undefined ? {} : { error: entry.error }),
    },
  }
}

function generationTime({ durationMs, firstTokenMs }: Entry): number | null {
  return durationMs === undefined ? null : durationMs - (firstTokenMs ?? 0)
}

function failedRow({ endpoint, status, ms }: FailedAttempt, rooms: Rooms): object {
  const { provider, model } = rooms.catalog().endpoints.get(endpoint) ?? {
    provider: endpoint.split('/')[0],
    model: endpoint,
  }
  return {
    endpoint_id: endpoint,
    id: endpoint,
    is_byok: false,
    latency: Math.round(ms),
    model_permaslug: model,
    provider_name: nameOf(provider, rooms),
    status: status ?? null,
  }
}

function answerRow({ endpoint, provider, firstTokenMs, status }: Entry, rooms: Rooms): object[] {
  if (endpoint === undefined) return []
  return [
    {
      endpoint_id: endpoint,
      id: endpoint,
      is_byok: false,
      latency: firstTokenMs ?? null,
      model_permaslug: rooms.catalog().endpoints.get(endpoint)?.model ?? endpoint,
      provider_name: nameOf(provider, rooms),
      status: status === 'finished' ? 200 : null,
    },
  ]
}

function nameOf(provider: string | undefined, { providers }: Rooms): string | null {
  return provider === undefined ? null : (providers().get(provider)?.displayName ?? provider)
}
