import type { Slices } from '../measures/rounds.ts'
import type { Scenario } from '../measures/scenarios.ts'
import type { Slice } from '../measures/harness.ts'
import { spread, type Spread } from './spread.ts'

/** One contender in one scenario, over all rounds. Times are milliseconds. */
export interface Figures {
  readonly contender: string
  /** CPU microseconds per request or per relayed chunk, by the scenario's `per`. */
  readonly cpu: Spread | undefined
  /** CPU as a multiple of the baseline's in the same round. */
  readonly times: Spread | undefined
  readonly perSecond: Spread | undefined
  readonly first: Spread | undefined
  readonly firstP99: Spread | undefined
  readonly p50: Spread | undefined
  readonly p99: Spread | undefined
  /** Difference to `direct` in the same round. */
  readonly addedFirst: Spread | undefined
  readonly addedFirstP99: Spread | undefined
  readonly addedP50: Spread | undefined
  readonly addedP99: Spread | undefined
}

export function figuresOf(slices: Slices, scenario: Scenario, baseline: string): Figures[] {
  const played = slices.get(scenario.id) ?? new Map<string, readonly Slice[]>()
  const directs = played.get('direct') ?? []
  const baselines = (played.get(baseline) ?? []).map((slice) => cpuPer(slice, scenario))
  return [...played].map(([contender, own]) => {
    const cpu = own.map((slice) => cpuPer(slice, scenario))
    const over = (directs: readonly Slice[], read: (slice: Slice) => number) =>
      contender === 'direct' ? undefined : spread(pairs(own.map(read), directs.map(read), (a, b) => a - b))
    return {
      contender,
      cpu: spread(known(cpu)),
      times: contender === baseline ? undefined : spread(pairs(cpu, baselines, (a, b) => a / b)),
      perSecond: spread(own.map((slice) => amount(slice, scenario) / slice.seconds)),
      first: spread(own.map((slice) => slice.first.p50)),
      firstP99: spread(own.map((slice) => slice.first.p99)),
      p50: spread(own.map((slice) => slice.whole.p50)),
      p99: spread(own.map((slice) => slice.whole.p99)),
      addedFirst: over(directs, (slice) => slice.first.p50),
      addedFirstP99: over(directs, (slice) => slice.first.p99),
      addedP50: over(directs, (slice) => slice.whole.p50),
      addedP99: over(directs, (slice) => slice.whole.p99),
    }
  })
}

const amount = (slice: Slice, { per }: Scenario) => (per === 'chunk' ? slice.chunks : slice.responses)

const cpuPer = (slice: Slice, scenario: Scenario) =>
  slice.cpuMicroseconds === undefined ? undefined : slice.cpuMicroseconds / amount(slice, scenario)

const known = (values: readonly (number | undefined)[]) => values.filter((value) => value !== undefined)

/** Applies `both` to the values of each round in which both were measured. */
function pairs(
  ours: readonly (number | undefined)[],
  theirs: readonly (number | undefined)[],
  both: (our: number, their: number) => number,
): number[] {
  return known(
    ours.map((our, round) => {
      const their = theirs[round]
      return our === undefined || their === undefined ? undefined : both(our, their)
    }),
  )
}
