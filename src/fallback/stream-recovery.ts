import type { Readiness } from '../providers/keys/key-pool.ts'
import type { Candidate } from './retry-policy.ts'

/** How a broken stream is resumed: its text is sent to be continued, or the request is restarted and the text compared. */
export type RecoveryMode = 'continue' | 'restart'

export interface Recovery<C> {
  readonly candidate: C
  readonly mode: RecoveryMode
}

export interface BrokenStream<C> {
  /** Best first, the broken one among them. */
  readonly candidates: readonly C[]
  /** The candidate whose stream broke. */
  readonly broken: C
  /** It was silent for too long, so that it would be again. */
  readonly isSilent?: boolean | undefined
  readonly tried: readonly Recovery<C>[]
  readonly readiness: (candidate: C) => Readiness
  /** Whether the candidate's model is known to continue from a prefix. */
  readonly continues: (candidate: C) => boolean
}

/** Each recovery costs a prompt, and the second hardly ever succeeds where the first one didn't. */
const MAX_RECOVERIES = 3

/**
 * The next candidate to resume a broken stream: one that continues from a prefix, then the same model restarted elsewhere,
 * then the broken endpoint itself in either mode. Another model, restarted, gives another text, so it isn't tried.
 */
export function nextRecovery<C extends Candidate>(stream: BrokenStream<C>): Recovery<C> | undefined {
  const { candidates, broken, tried, isSilent } = stream
  if (tried.length >= MAX_RECOVERIES) return undefined
  const others = candidates.filter(({ id }) => id !== broken.id)
  const same = isSilent === true ? [] : [broken]
  return [...recoveriesAt(others, stream), ...recoveriesAt(same, stream)].find(
    ({ candidate, mode }) => !tried.some((each) => each.candidate.id === candidate.id && each.mode === mode),
  )
}

function recoveriesAt<C extends Candidate>(
  candidates: readonly C[],
  { broken, readiness, continues }: BrokenStream<C>,
): readonly Recovery<C>[] {
  const available = candidates.filter((candidate) => readiness(candidate).state !== 'cooling-down')
  const by = (mode: RecoveryMode, able: readonly C[]): Recovery<C>[] =>
    able.map((candidate) => ({ candidate, mode }))
  return [
    ...by('continue', available.filter(continues)),
    ...by(
      'restart',
      available.filter(({ model }) => model === broken.model),
    ),
  ]
}
