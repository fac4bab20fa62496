import type { BrokerError } from '../../base/errors.ts'

/** Why a key is left alone. */
export type RestReason =
  /** The provider said 429. */
  | 'limited'
  /** It refuses the key (401), what the key may do (403), or the account has no credit (402). */
  | 'key-refused'
  | 'forbidden'
  | 'no-credit'
  /** Its answers were 5xx, or its connections broke. */
  | 'failing'

/** What is known of one key. Moments are those of the clock that never runs backwards, in milliseconds. */
export interface LaneHealth {
  readonly rest: RestReason | undefined
  /** When it may be asked again. */
  readonly until: number
  /** When the rest began: what was sent before that knows nothing of it. */
  readonly since: number
  /** Rests of this kind without a success between them. */
  readonly inARow: number
}

export const HEALTHY: LaneHealth = Object.freeze({ rest: undefined, until: 0, since: -1, inARow: 0 })

const LIMITED_MS = 60_000
const FAILING = { firstMs: 5_000, longestMs: 5 * 60_000 }
/** A key that was refused is tried with one request after so long: nobody has to restart for a topped-up account. */
const DENIED = { firstMs: 5 * 60_000, longestMs: 60 * 60_000 }
/** Rests are longer by up to this share, so that many brokers don't come back in the same moment. */
const JITTER = 0.1

/** What a failure of a request that was sent at `sentAt` means for its key. `random` is in [0, 1). */
export function afterFailure(
  health: LaneHealth,
  error: BrokerError,
  { now, sentAt, random }: { readonly now: number; readonly sentAt: number; readonly random: number },
): LaneHealth {
  const rest = restFor(error)
  if (rest === undefined) return health
  // A broken connection says nothing new of a key that is limited or refused; it is only not yet checked.
  if (rest === 'failing' && (isDenied(health) || (isHard(health) && health.until > now)))
    return { ...health, until: Math.max(health.until, now + FAILING.firstMs) }
  const { retryAfter } = error.details
  // Who says “at once” has still just refused.
  const asked = retryAfter === undefined ? 0 : Math.max(1, retryAfter) * 1000
  // Requests that were under way together fail together, and that is one failure.
  if (health.rest === rest && sentAt <= health.since)
    return { ...health, until: Math.max(health.until, now + asked) }
  const inARow = health.rest === rest ? health.inARow + 1 : 1
  const ms = Math.max(asked, restMs(rest, inARow, asked)) * (1 + JITTER * random)
  return { rest, until: now + ms, since: now, inARow }
}

/** A success ends every rest that began before the request was sent. */
export function afterAnswer(health: LaneHealth, sentAt: number): LaneHealth {
  return sentAt >= health.since ? HEALTHY : health
}

/** Whether asking now would be useless; a key that only failed may be asked when there is no better one. */
export function isHard({ rest }: Pick<LaneHealth, 'rest'>): boolean {
  return rest !== undefined && rest !== 'failing'
}

/** Whether it stays refused until one request has shown otherwise. */
export function isDenied({ rest }: Pick<LaneHealth, 'rest'>): boolean {
  return rest === 'key-refused' || rest === 'forbidden' || rest === 'no-credit'
}

function restFor({ code, details: { status } }: BrokerError): RestReason | undefined {
  if (code === 'upstream-denied')
    return status === 402 ? 'no-credit' : status === 403 ? 'forbidden' : 'key-refused'
  if (code === 'upstream-busy' && (status === undefined || status === 429)) return 'limited'
  const isTheirFault = code === 'upstream-failed' || code === 'upstream-timeout' || code === 'upstream-busy'
  return isTheirFault && (status === undefined || status >= 498) ? 'failing' : undefined
}

function restMs(rest: RestReason, inARow: number, asked: number): number {
  if (rest === 'limited') return asked > 0 ? asked : LIMITED_MS
  const { firstMs, longestMs } = rest === 'failing' ? FAILING : DENIED
  return Math.min(firstMs * 2 ** (inARow - 1), longestMs)
}
