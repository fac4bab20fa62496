import { ZERO } from '../base/money.ts'
import { ZERO_USAGE } from '../ledger/types.ts'
import type { CachedResponse } from './replay/response-cache.ts'
import { OPENROUTER_RESPONSES } from './response/response-shape.ts'
import { createReshaper } from './response/formats/verbatim-response.ts'
import type { ResponseSink } from './response/response-sink.ts'
import type { RequestContext } from './request/inference-request.ts'
import { admitReplay, permitStoredResponse, type ReplayRequest } from './permit-replay.ts'
import type { InferenceServices, ReplayServices } from './services/services.ts'

/** The provider in the ledger's entry. */
const CACHE_PROVIDER = 'cache'

/**
 * Responds from the cache, under a new id, with no usage and no cost. It is a request like any other: the caller's rules apply
 * to it, and it has an entry in the ledger. Throws what `admitReplay` throws, and `store-full`.
 */
export async function sendCached(
  cached: CachedResponse,
  query: ReplayRequest['query'],
  context: RequestContext,
  sink: ResponseSink,
  services: InferenceServices,
  replay: ReplayServices,
): Promise<void> {
  const { clock, catalog } = services
  const { accounting } = replay
  const { caller, referer, title } = context
  permitStoredResponse(cached.id, caller, services, replay)
  const admission = admitReplay({ caller, query }, services, replay)
  const startedMonotonic = clock.monotonic()
  const { id } = sink
  const { model, streamed } = cached
  const startedAt = clock.now()
  const created = Math.floor(startedAt / 1000)
  const reshape = createReshaper(context.shape ?? OPENROUTER_RESPONSES, streamed)
  const pieces = cached.pieces.map((piece) => reshape(renewed(piece, id, created, cached.id)))
  try {
    const request = {
      id,
      caller,
      kind: query.kind,
      requestedModel: model,
      streamed,
      maxCost: ZERO,
      startedAt,
      referer,
      title,
    }
    const hold = await accounting.hold(request)
    sink.start(admission.headers)
    sink.setAttempted?.([])
    if (streamed) for (const piece of pieces) sink.chunk(piece)
    else sink.respond(pieces[0] ?? '{}')
    sink.end()
    const durationMs = clock.monotonic() - startedMonotonic
    await accounting.settle(hold, {
      status: 'finished',
      endpoint: undefined,
      provider: CACHE_PROVIDER,
      attempts: [],
      attemptCount: 0,
      usage: ZERO_USAGE,
      countSource: 'reported',
      cost: ZERO,
      costLow: undefined,
      costHigh: undefined,
      priceVersion: catalog().version,
      finishReason: 'stop',
      error: undefined,
      firstTokenMs: durationMs,
      durationMs,
    })
  } finally {
    admission.release(0)
  }
}

/** A cached piece under another id and time, with all counts at 0 and without the routing metadata of the first response. */
function renewed(piece: string, id: string, created: number, source: string): string {
  const fields = JSON.parse(piece) as Record<string, unknown>
  const { openrouter_metadata: _routed, x_aibroker: envelope, usage, ...rest } = fields
  return JSON.stringify({
    ...rest,
    ...('id' in rest ? { id } : {}),
    ...('created' in rest ? { created } : {}),
    ...(usage === undefined ? {} : { usage: zeroed(usage) }),
    ...(envelope === undefined ? {} : { x_aibroker: { cached: source, cost: 0 } }),
  })
}

function zeroed(value: unknown): unknown {
  if (typeof value === 'number') return 0
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, zeroed(inner)]))
}
