import { residentMegabytes } from '../processes/cost.ts'
import type { Verdict } from './gate.ts'
import type { Entrant } from './rounds.ts'
import type { Workload, Harness } from './harness.ts'

export interface Sample {
  readonly minute: number
  readonly residentMegabytes: number
  readonly responses: number
  /** Upstream streams that are still open although every caller has disconnected. */
  readonly leftOpen: number
}

const FAST_STREAM = { type: 'stream', chunks: 100, everyMs: 2, firstAfterMs: 0 } as const
const LONG_STREAM = { type: 'stream', chunks: 100_000, everyMs: 1_000, firstAfterMs: 0 } as const

/** Everything that callers do, a few seconds of each, repeated. */
const WORKLOADS: readonly Workload[] = [
  {
    behaviour: { type: 'plain', bodyBytes: 1_500 },
    requestBytes: 1_000,
    load: { type: 'closed', connections: 32, forMs: 3_000 },
  },
  { behaviour: FAST_STREAM, requestBytes: 1_000, load: { type: 'closed', connections: 64, forMs: 3_000 } },
  {
    behaviour: { type: 'plain', bodyBytes: 200_000 },
    requestBytes: 200_000,
    load: { type: 'closed', connections: 8, forMs: 2_000 },
  },
  { behaviour: LONG_STREAM, requestBytes: 1_000, load: { type: 'hang-up', streams: 300, connections: 32 } },
]

/** Memory is judged after the first third of the time, when caches and heaps have reached their size. */
const SETTLED_SHARE = 1 / 3
const MAX_GROWTH = 1.25

/** Throws at the first wrong response. The verdict fails when memory grows by more than 25 % or upstream streams stay open. */
export async function soak(
  harness: Harness,
  { name, running }: Entrant,
  minutes: number,
  log: (line: string) => void,
): Promise<Verdict & { readonly samples: readonly Sample[] }> {
  const samples: Sample[] = []
  const startMs = performance.now()
  const elapsed = () => (performance.now() - startMs) / 60_000
  while (elapsed() < minutes) {
    let responses = 0
    for (const workload of WORKLOADS) responses += (await harness.run(running, workload)).responses
    const sample: Sample = {
      minute: elapsed(),
      residentMegabytes: running.pid === undefined ? 0 : residentMegabytes(running.pid),
      responses,
      leftOpen: (await harness.stats()).openStreams,
    }
    samples.push(sample)
    log(
      `${sample.minute.toFixed(1)} min: ${sample.residentMegabytes.toFixed(0)} MB, ${responses} responses, ${sample.leftOpen} left open`,
    )
  }
  return { ...verdict(name, samples), samples }
}

function verdict(name: string, samples: readonly Sample[]): Verdict {
  const settled = samples.slice(Math.floor(samples.length * SETTLED_SHARE))
  const first = settled[0]
  const last = settled.at(-1)
  if (first === undefined || last === undefined) return { passed: false, lines: ['nothing was measured'] }
  const growth = last.residentMegabytes / first.residentMegabytes
  const leftOpen = Math.min(...settled.map((sample) => sample.leftOpen))
  const passed = growth <= MAX_GROWTH && leftOpen === 0
  const line = `${passed ? 'passed' : 'FAILED'}: ${name} went from ${first.residentMegabytes.toFixed(0)} to ${last.residentMegabytes.toFixed(0)} MB, at least ${leftOpen} streams left open`
  return { passed, lines: [line] }
}
