import type { Readiness } from '../providers/keys/key-pool.ts'
import type { Candidate } from './retry-policy.ts'

/** How a broken answer is brought to its end: its text handed on to be continued, or the request asked anew and compared. */
export type RescueWay = 'continue' | 'restart'

export interface Rescue<C> {
  readonly candidate: C
  readonly way: RescueWay
}

export interface Wreck<C> {
  /** Best first, the broken one among them. */
  readonly candidates: readonly C[]
  /** Whose answer broke. */
  readonly broken: C
  readonly tried: readonly Rescue<C>[]
  readonly readiness: (candidate: C) => Readiness
  /** Whether the catalogue says that it continues from a prefix. */
  readonly continues: (candidate: C) => boolean
}

/** Each costs a prompt, and the second hardly ever succeeds where the first one didn't. */
const MOST_RESCUES = 3

/**
 * Who brings a broken answer to its end: whoever continues from a prefix, then the same model asked anew elsewhere, then
 * the broken endpoint itself in either way. Another model asked anew says something else, so it isn't asked.
 */
export function nextRescue<C extends Candidate>(wreck: Wreck<C>): Rescue<C> | undefined {
  const { candidates, broken, tried } = wreck
  if (tried.length >= MOST_RESCUES) return undefined
  const others = candidates.filter(({ id }) => id !== broken.id)
  return [...rescuesBy(others, wreck), ...rescuesBy([broken], wreck)].find(
    ({ candidate, way }) => !tried.some((each) => each.candidate.id === candidate.id && each.way === way),
  )
}

function rescuesBy<C extends Candidate>(
  candidates: readonly C[],
  { broken, readiness, continues }: Wreck<C>,
): readonly Rescue<C>[] {
  const fit = candidates.filter((candidate) => readiness(candidate).state !== 'resting')
  const by = (way: RescueWay, able: readonly C[]): Rescue<C>[] =>
    able.map((candidate) => ({ candidate, way }))
  return [
    ...by('continue', fit.filter(continues)),
    ...by(
      'restart',
      fit.filter(({ model }) => model === broken.model),
    ),
  ]
}
