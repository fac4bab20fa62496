import type { Running } from '../contenders/contender.ts'
import { blame } from '../report/blame.ts'
import type { Scenario } from './scenarios.ts'
import type { Slice, Stage } from './stage.ts'

export interface Entrant {
  readonly name: string
  readonly running: Running
}

/** `slices.get(scenario id)?.get(contender name)` holds one slice a round, in order. */
export type Slices = ReadonlyMap<string, ReadonlyMap<string, readonly Slice[]>>

export interface RoundOptions {
  readonly rounds: number
  /** Multiplies the length of every slice. */
  readonly stretch: number
  readonly onRound: (round: number) => void
}

/** Node compiles what it runs often: with a short warm-up the broker's first rounds cost twice as much as the rest. */
const WARM_UP = 2

/**
 * Every round plays every scenario with every contender, one right after the other, so that whatever else the machine
 * does meanwhile falls on all of them. The order turns from round to round. A first round of longer slices is thrown away.
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
        const slice = await playOne(stage, entrant, scenario, round === 0 ? stretch * WARM_UP : stretch)
        if (round > 0) slices.get(scenario.id)?.get(entrant.name)?.push(slice)
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

const turned = <T>(list: readonly T[], by: number) => list.map((_, at) => list[(at + by) % list.length] as T)
