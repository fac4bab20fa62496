import type { Running } from '../contenders/contender.ts'
import { withFailureContext } from '../report/failure-context.ts'
import type { Scenario } from './scenarios.ts'
import type { Workload, Slice, Harness } from './harness.ts'

export interface Entrant {
  readonly name: string
  /** Needs a warm-up, see `Contender`. */
  readonly warmsUp?: boolean | undefined
  readonly running: Running
}

/** `slices.get(scenario id)?.get(contender name)` holds one slice per round, in order. */
export type Slices = ReadonlyMap<string, ReadonlyMap<string, readonly Slice[]>>

export interface RoundOptions {
  readonly rounds: number
  /** Multiplies the length of every slice. */
  readonly stretch: number
  readonly onRound: (round: number) => void
}

/**
 * V8 compiles hot code during the first five seconds or so of load: the broker's first requests cost twice as much as later
 * ones. The benchmark measures a broker that has been running for a while. Contenders that need no warm-up only open
 * their connections.
 */
const WARM_UP_MS = 8_000

/**
 * Every round runs every scenario with every contender, one right after the other, so that other activity of the machine
 * affects all of them. The order rotates from round to round. The first round, longer for contenders that need a warm-up,
 * is discarded.
 */
export async function runRounds(
  harness: Harness,
  entrants: readonly Entrant[],
  scenarios: readonly Scenario[],
  { rounds, stretch, onRound }: RoundOptions,
): Promise<Slices> {
  const slices = new Map(
    scenarios.map(({ id }) => [id, new Map(entrants.map(({ name }) => [name, new Array<Slice>()]))]),
  )
  for (let round = 0; round <= rounds; round++) {
    onRound(round)
    for (const scenario of scenarios) {
      for (const entrant of rotated(entrants, round)) {
        if (round === 0) await warmUp(harness, entrant, scenario, stretch)
        else
          slices
            .get(scenario.id)
            ?.get(entrant.name)
            ?.push(await runOne(harness, entrant, scenario, stretch))
      }
    }
  }
  return slices
}

function runOne(harness: Harness, entrant: Entrant, scenario: Scenario, stretch: number): Promise<Slice> {
  const { workload } = scenario
  const load =
    'forMs' in workload.load ? { ...workload.load, forMs: workload.load.forMs * stretch } : workload.load
  return withFailureContext(entrant.name, scenario.title, harness.run(entrant.running, { ...workload, load }))
}

async function warmUp(
  harness: Harness,
  entrant: Entrant,
  scenario: Scenario,
  stretch: number,
): Promise<void> {
  const workloads = [scenario.warmUp ?? [], scenario.workload].flat()
  for (const workload of workloads)
    await runOne(harness, entrant, { ...scenario, workload }, stretch * warmUpTimes(entrant, workload))
}

/** Factor by which the warm-up slice is longer than a measured one. */
function warmUpTimes({ warmsUp }: Entrant, { load }: Workload): number {
  return warmsUp === true && 'forMs' in load ? WARM_UP_MS / load.forMs : 1
}

const rotated = <T>(list: readonly T[], by: number) => list.map((_, at) => list[(at + by) % list.length] as T)
