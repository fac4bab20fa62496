import type { Running } from '../contenders/contender.ts'
import { blame } from '../report/failure-context.ts'
import type { Scenario } from './scenarios.ts'
import type { Scene, Slice, Stage } from './harness.ts'

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
export async function playRounds(
  stage: Stage,
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
      for (const entrant of turned(entrants, round)) {
        if (round === 0) await warmUp(stage, entrant, scenario, stretch)
        else
          slices
            .get(scenario.id)
            ?.get(entrant.name)
            ?.push(await playOne(stage, entrant, scenario, stretch))
      }
    }
  }
  return slices
}

function playOne(stage: Stage, entrant: Entrant, scenario: Scenario, stretch: number): Promise<Slice> {
  const { scene } = scenario
  const load = 'forMs' in scene.load ? { ...scene.load, forMs: scene.load.forMs * stretch } : scene.load
  return blame(entrant.name, scenario.title, stage.play(entrant.running, { ...scene, load }))
}

async function warmUp(stage: Stage, entrant: Entrant, scenario: Scenario, stretch: number): Promise<void> {
  const scenes = [scenario.warmUp ?? [], scenario.scene].flat()
  for (const scene of scenes)
    await playOne(stage, entrant, { ...scenario, scene }, stretch * warmUpTimes(entrant, scene))
}

/** Factor by which the warm-up slice is longer than a measured one. */
function warmUpTimes({ warmsUp }: Entrant, { load }: Scene): number {
  return warmsUp === true && 'forMs' in load ? WARM_UP_MS / load.forMs : 1
}

const turned = <T>(list: readonly T[], by: number) => list.map((_, at) => list[(at + by) % list.length] as T)
