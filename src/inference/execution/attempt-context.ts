import type { Clock } from '../../base/clock.ts'
import type { Provider } from '../../providers/provider.ts'
import type { AnswerSink } from '../response/response-sink.ts'
import type { Asker } from '../request/request-context.ts'
import type { Errand } from '../request/inference-request.ts'
import type { Grant } from '../budget/affordable-candidates.ts'
import type { AnswerRecord } from './request-record.ts'
import type { HangUp } from '../services/services.ts'
import type { Told } from './delivered-text.ts'
import type { UpstreamIds } from '../response/upstream-ids.ts'

/** What all attempts of one request share. */
export interface Run {
  readonly errand: Errand
  readonly asker: Asker
  readonly sink: AnswerSink
  readonly record: AnswerRecord
  readonly grant: Grant
  readonly hangUp: HangUp
  readonly clock: Clock
  readonly upstreamIds: UpstreamIds
  readonly providers: () => ReadonlyMap<string, Provider>
  /** Unix seconds of the start. */
  readonly created: number
  /** Monotonic milliseconds at which the whole request must be done. */
  readonly deadlineAt: number
  /** What the caller heard so far; only kept where a rescue may come to need it. */
  readonly told: Told | undefined
  /** Called when the attempt speaks, before the caller hears it; only where another one may be asked beside it. */
  readonly onBegin?: (() => void) | undefined
}
