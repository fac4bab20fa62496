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
  return {
    'events.watch': async ({ filter, after }, caller) => {
      const found = await look(facts, filter, caller, facts.marks.readMoment(after))
      return answerOf(facts, found)
    },
  }
}

/** Watches while something changes. A stream looks once a second, and nothing is done while there is no stream. */
export function eventsStreams(facts: EventsFacts): Pick<StreamHandlers, 'events.watch'> {
  return {
    'events.watch': async function* ({ filter, after }, caller, signal) {
      const { clock } = facts.services
      let last = await look(facts, filter, caller, facts.marks.readMoment(after))
      yield answerOf(facts, last)
      for (let silent = 1; !signal.aborted; silent++) {
        await waitOrAbort(clock, signal)
        if (signal.aborted) return
        const next = await look(facts, filter, caller, last.asOf)
        const isNews = next.rows.length > 0 || next.open !== last.open
        last = next
        if (isNews) yield answerOf(facts, next)
        else if (silent % SILENT_TURNS === 0) yield undefined
      }
    },
  }
}

/** What is new since a moment. */
interface News {
  readonly rows: Answer['rows']
  readonly missed: boolean
  readonly open: number
  readonly asOf: number
}

async function look(
  { services, reports }: EventsFacts,
  filter: Params<'events.watch'>['filter'],
  caller: RpcCaller,
  after: number | undefined,
): Promise<News> {
  const query = { filter: filterOf(filter), scope: scopeOf(caller), limit: MAX_ROWS + 1 }
  const { rows, asOf } = await reports.run('since', { ...query, after: after ?? Number.MAX_SAFE_INTEGER })
  const holds = services.ledger.openHolds()
  const own = caller.role === 'admin' ? holds : holds.filter((hold) => isSameCaller(hold.caller, caller))
  return {
    rows: rows.slice(0, MAX_ROWS).map((row) => wireRow(row, caller)),
    missed: rows.length > MAX_ROWS,
    open: own.length,
    asOf,
  }
}

function answerOf({ marks, isMother, version }: EventsFacts, { rows, missed, open, asOf }: News): Answer {
  return { rows, missed, open_requests: open, is_mother: isMother, version, as_of: marks.writeMoment(asOf) }
}

function waitOrAbort(clock: Clock, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>()
  const end = (): void => aborted.resolve()
  signal.addEventListener('abort', end, { once: true })
  return Promise.race([wait(clock, INTERVAL_MS), aborted.promise]).finally(() =>
    signal.removeEventListener('abort', end),
  )
}
