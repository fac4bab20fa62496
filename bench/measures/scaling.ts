import type { Running } from '../contenders/contender.ts'
import { cpuApart, residentMegabytes } from '../processes/cost.ts'
import { spread } from '../report/spread.ts'
import type { Entrant } from './rounds.ts'
import type { Scenario } from './scenarios.ts'
import type { Harness } from './harness.ts'

/** Cost of one broker in one scenario: medians over the rounds. */
export interface Scaling {
  readonly name: string
  readonly scenario: string
  readonly perSecond: number
  /** CPU microseconds per request or chunk of the primary process, which does the accounting when there are workers. */
  readonly primary: number
  /** CPU microseconds per request or chunk of all workers together. */
  readonly workers: number
  readonly p50: number
  readonly p99: number
  readonly residentMegabytes: number
}

/**
 * Measures cost and throughput with N workers. Where load, provider and broker share few cores, requests per second mean
 * little; the CPU per request of each process tells its throughput with a core to itself.
 */
export async function measureScaling(
  harness: Harness,
  entrants: readonly Entrant[],
  scenarios: readonly Scenario[],
  { rounds, stretch }: { readonly rounds: number; readonly stretch: number },
): Promise<readonly Scaling[]> {
  const rows: Scaling[] = []
  for (const scenario of scenarios) {
    const slices = new Map(entrants.map(({ name }) => [name, new Array<Piece>()]))
    for (let round = 0; round <= rounds; round++) {
      for (const { name, running } of entrants) {
        const piece = await runOnce(harness, running, scenario, stretch)
        // The first round is the warm-up.
        if (round > 0) slices.get(name)?.push(piece)
      }
    }
    for (const { name, running } of entrants) {
      const pieces = slices.get(name) ?? []
      const of = (figure: (piece: Piece) => number): number => spread(pieces.map(figure))?.median ?? 0
      rows.push({
        name,
        scenario: scenario.title,
        perSecond: of((piece) => piece.perSecond),
        primary: of((piece) => piece.primary),
        workers: of((piece) => piece.workers),
        p50: of((piece) => piece.p50),
        p99: of((piece) => piece.p99),
        residentMegabytes: residentMegabytes(running.pid ?? 0),
      })
    }
  }
  return rows
}

type Piece = Pick<Scaling, 'perSecond' | 'primary' | 'workers' | 'p50' | 'p99'>

async function runOnce(
  harness: Harness,
  running: Running,
  { workload, per }: Scenario,
  stretch: number,
): Promise<Piece> {
  const load =
    'forMs' in workload.load ? { ...workload.load, forMs: workload.load.forMs * stretch } : workload.load
  const pid = running.pid ?? 0
  const before = cpuApart(pid)
  const { responses, seconds, chunks, whole } = await harness.run(running, { ...workload, load })
  const after = cpuApart(pid)
  const count = per === 'chunk' ? chunks : responses
  return {
    perSecond: count / seconds,
    primary: (after.own - before.own) / count,
    workers: (after.children - before.children) / count,
    p50: whole.p50,
    p99: whole.p99,
  }
}
