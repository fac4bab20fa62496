import type { Clock } from '../../../../base/clock.ts'
import { wait } from '../../../../base/clock.ts'
import { isSameCaller } from '../../../../auth/caller.ts'
import type { Params, Result } from '../../../../wire/rpc/methods.ts'
import type { HandlersOf, RpcCaller, StreamHandlers } from '../../calls/handler-types.ts'
import { filterOf, scopeOf, wireRow } from '../../calls/request-filter.ts'
import type { ReportFacts } from './requests.ts'

export interface EventsFacts extends ReportFacts {
  readonly isMother: boolean
  readonly version: string
}

type Answer = Result<'events.watch'>

const INTERVAL_MS = 1000
/** A stream that is silent for this long gets a keep-alive, so that no proxy in between closes it. */
const SILENT_TURNS = 15
const MAX_ROWS = 200

export function eventsHandlers(facts: EventsFacts): HandlersOf<'events.watch'> {
  return { 'events.watch': async (params, caller) => answer(facts, params, caller, params.after) }
}

/** Watches while something changes. A stream looks once a second, and nothing is done while there is no stream. */
export function eventsStreams(facts: EventsFacts): Pick<StreamHandlers, 'events.watch'> {
  return {
    'events.watch': async function* (params, caller, signal) {
      const { clock } = facts.services
      let last = await answer(facts, params, caller, params.after)
      yield last
      for (let silent = 0; !signal.aborted;) {
        await waitOrAbort(clock, signal)
        if (signal.aborted) return
        const next = await answer(facts, params, caller, last.as_of)
        const isNews = next.rows.length > 0 || next.open_requests !== last.open_requests
        last = next
        silent = isNews ? 0 : silent + 1
        if (isNews) yield next
        else if (silent % SILENT_TURNS === 0) yield undefined
      }
    },
  }
}

async function answer(
  { services, reports, isMother, version }: EventsFacts,
  { filter }: Params<'events.watch'>,
  caller: RpcCaller,
  after: number | undefined,
): Promise<Answer> {
  const query = { filter: filterOf(filter), scope: scopeOf(caller), limit: MAX_ROWS + 1 }
  const { rows, asOf } = await reports.run('since', { ...query, after: after ?? Number.MAX_SAFE_INTEGER })
  const holds = services.ledger.openHolds()
  return {
    rows: rows.slice(0, MAX_ROWS).map(wireRow),
    missed: rows.length > MAX_ROWS,
    open_requests:
      caller.role === 'admin' ? holds.length : holds.filter((hold) => isSameCaller(hold.caller, caller)).length,
    is_mother: isMother,
    version,
    as_of: asOf,
  }
}

function waitOrAbort(clock: Clock, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>()
  const end = (): void => aborted.resolve()
  signal.addEventListener('abort', end, { once: true })
  return Promise.race([wait(clock, INTERVAL_MS), aborted.promise]).finally(() =>
    signal.removeEventListener('abort', end),
  )
}
