import { ERRORS, type BrokerError } from '../base/errors.ts'
import type { Readiness } from '../providers/keys/key-pool.ts'
import { nextRescue, type Rescue } from './stream-recovery.ts'
import { nextStep, type Candidate, type Tried } from './retry-policy.ts'

/** How one attempt ended. `begun` says whether the caller has seen a part of the answer. */
export type AttemptOutcome<C = never> =
  | { readonly type: 'answered' }
  | { readonly type: 'left' }
  | {
      readonly type: 'failed'
      readonly error: BrokerError
      readonly begun: boolean
      /** When another candidate was asked beside the one: how each failed, the last one as the outcome says. */
      readonly failures?: readonly Tried<C>[] | undefined
    }

export interface Walk<C> {
  /** Best first. */
  readonly candidates: readonly C[]
  attempt(candidate: C): Promise<AttemptOutcome<C>>
  /** How fit a candidate is now. */
  readonly readiness: (candidate: C) => Readiness
  /** False when the caller left meanwhile. */
  wait(ms: number): Promise<boolean>
  timeLeftMs(): number
  /** In [0, 1), for jitter. */
  random(): number
  /** What may be done for an answer that broke after the caller saw a part of it. */
  readonly rescue?: RescueWalk<C> | undefined
}

export interface RescueWalk<C> {
  /** Asked each time: not any more once there is something in the answer that must not come twice. */
  isPossible(): boolean
  /** Whether the catalogue says that it continues from a prefix. */
  readonly continues: (candidate: C) => boolean
  attempt(rescue: Rescue<C>): Promise<AttemptOutcome<C>>
}

/**
 * Asks the candidates until one answers, as `nextStep` says, and brings an answer that broke to its end, as `nextRescue`
 * says. The outcome is that of the last attempt that an upstream saw; of a rescue that failed, the first failure.
 */
export async function fallback<C extends Candidate>(walk: Walk<C>): Promise<AttemptOutcome<C>> {
  const trail: Tried<C>[] = []
  for (;;) {
    const { candidates, readiness } = walk
    const timeLeftMs = walk.timeLeftMs()
    const step = nextStep({ candidates, trail, readiness, timeLeftMs, random: walk.random() })
    if (step.type === 'stop') return told(trail)
    const { candidate, afterMs } = step
    if (afterMs > 0 && !(await walk.wait(afterMs))) return { type: 'left' }
    const outcome = await walk.attempt(candidate)
    if (outcome.type !== 'failed') return outcome
    const { error, begun, failures = [{ candidate, error }] } = outcome
    const broken = failures.at(-1)?.candidate ?? candidate
    if (begun) return isFinal(error) ? outcome : rescued(walk, broken, outcome)
    trail.push(...failures)
  }
}

/** The last failure that came from a provider says more than that another one rests. */
function told(trail: readonly Tried<unknown>[]): AttemptOutcome {
  const last = trail.findLast(({ error }) => error.details.isUnasked !== true) ?? trail.at(-1)
  return last === undefined ? { type: 'left' } : { type: 'failed', error: last.error, begun: false }
}

async function rescued<C extends Candidate>(
  walk: Walk<C>,
  broken: C,
  failure: AttemptOutcome<C>,
): Promise<AttemptOutcome<C>> {
  const { rescue, candidates, readiness } = walk
  const tried: Rescue<C>[] = []
  while (rescue?.isPossible() === true && walk.timeLeftMs() > 0) {
    const next = nextRescue({ candidates, broken, tried, readiness, continues: rescue.continues })
    if (next === undefined) break
    tried.push(next)
    const outcome = await rescue.attempt(next)
    if (outcome.type !== 'failed' || isFinal(outcome.error)) return outcome
  }
  return failure
}

/** Nobody can mend it, as when the broker itself has to stop. */
function isFinal({ code }: BrokerError): boolean {
  return ERRORS[code].fallback === 'stop'
}
