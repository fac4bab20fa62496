import { NOTHING } from '../base/money.ts'
import type { CachedAnswer } from './replay/response-cache.ts'
import type { AnswerSink } from './response/response-sink.ts'
import type { Asker } from './request/inference-request.ts'
import type { Rooms } from './services/services.ts'

/** The provider in the ledger's entry. */
const CACHE = 'cache'

/**
 * Responds from the cache, under a new id, with no usage and no cost. It is a request like any other: rate limits apply to
 * it, and it has an entry in the ledger. Throws `over-limit`, `store-full`.
 */
export async function tellCached(
  answer: CachedAnswer,
  kind: string,
  asker: Asker,
  sink: AnswerSink,
  { clock, ledger, limits, catalog }: Rooms,
): Promise<void> {
  const { caller, referer, title } = asker
  const began = clock.monotonic()
  const { id } = sink
  const { model, streamed } = answer
  const startedAt = clock.now()
  const created = Math.floor(startedAt / 1000)
  const pieces = answer.pieces.map((piece) => renewed(piece, id, created, answer.id))
  const admission = limits.admit(caller, 0)
  try {
    const request = {
      id,
      caller,
      kind,
      modelAsked: model,
      streamed,
      most: NOTHING,
      startedAt,
      referer,
      title,
    }
    const hold = await ledger.hold(request)
    sink.accept(admission.headers)
    sink.tried?.([])
    if (streamed) for (const piece of pieces) sink.chunk(piece)
    else sink.answer(pieces[0] ?? '{}')
    sink.end()
    const durationMs = clock.monotonic() - began
    await ledger.settle(hold, {
      status: 'finished',
      endpoint: undefined,
      provider: CACHE,
      attempts: [],
      asked: 0,
      usage: NOTHING_USED,
      countSource: 'reported',
      cost: NOTHING,
      costLow: undefined,
      costHigh: undefined,
      priceVersion: catalog().version,
      finishReason: 'stop',
      error: undefined,
      firstTokenMs: durationMs,
      durationMs,
    })
  } finally {
    admission.leave(0)
  }
}

const NOTHING_USED = {
  prompt: 0,
  completion: 0,
  cachedPrompt: 0,
  cacheWrite: 0,
  reasoning: 0,
  audioPrompt: 0,
  audioCompletion: 0,
}

/** A cached piece under another id and time, with all counts at 0 and without the routing metadata of the first response. */
function renewed(piece: string, id: string, created: number, source: string): string {
  const said = JSON.parse(piece) as Record<string, unknown>
  const { openrouter_metadata: _routed, x_aibroker: envelope, usage, ...rest } = said
  return JSON.stringify({
    ...rest,
    ...('id' in rest ? { id } : {}),
    ...('created' in rest ? { created } : {}),
    ...(usage === undefined ? {} : { usage: atNought(usage) }),
    ...(envelope === undefined ? {} : { x_aibroker: { cached: source, cost: 0 } }),
  })
}

function atNought(value: unknown): unknown {
  if (typeof value === 'number') return 0
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, atNought(inner)]))
}
