import { fallback } from '../../fallback/fallback.ts'
import type { Admission } from '../../limits/limits.ts'
import type { AnswerSink } from '../response/response-sink.ts'
import type { Asker } from '../request/request-context.ts'
import type { Errand } from '../request/inference-request.ts'
import { grantFor } from '../budget/affordable-candidates.ts'
import { hedgesFor } from '../admission/hedge-budget.ts'
import type { Rooms } from '../services/services.ts'
import { Walker } from './execution.ts'

/** The rule of thumb for what a prompt will count; what it did count is taken when it is known. */
const BYTES_PER_TOKEN = 4

/**
 * Takes one errand over its candidates: hold, ask, settle. Throws a `BrokerError` as long as the caller has seen
 * nothing; after that a failure goes into the stream. Whatever happens, the hold is settled.
 */
export async function walk(errand: Errand, asker: Asker, sink: AnswerSink, rooms: Rooms): Promise<void> {
  const { running, bookAhead, clock } = rooms
  const { caller } = asker
  const walker = new Walker(errand, asker, sink, rooms)
  let admission: Admission | undefined
  running.enter(walker)
  try {
    const tokens = Math.ceil(errand.body.byteLength / BYTES_PER_TOKEN)
    const books = bookAhead === undefined ? rooms : await bookAhead({ errand, asker, id: sink.id, tokens })
    const { ledger, limits } = books
    admission = limits.admit(caller, tokens)
    // Nothing waits between the look at the balance and the hold, so nobody else can hold the same money.
    const grant = grantFor(errand, limits.allowance(caller))
    const mayHedge = admission.mayHedge ?? grant.candidates[0]?.mayHedge
    const hedges = mayHedge === true ? hedgesFor(errand, grant, rooms.hedges) : undefined
    const hold = await ledger.hold({
      id: sink.id,
      caller,
      kind: errand.kind,
      modelAsked: errand.modelAsked,
      streamed: errand.streamed,
      most: grant.most,
      startedAt: clock.now(),
      referer: asker.referer,
      title: asker.title,
      group: errand.group,
    })
    try {
      walker.begin({ hold, grant, books, hedges, headers: admission.headers })
      walker.tell(await fallback(walker))
    } catch (error) {
      walker.broke(error)
      throw error
    } finally {
      const counting = walker.end()
      if (counting !== undefined) await counting
    }
  } finally {
    running.leave(walker)
    admission?.leave(walker.tokensUsed)
  }
}
