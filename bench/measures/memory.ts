import { setTimeout as sleep } from 'node:timers/promises'
import { residentMegabytes } from '../processes/cost.ts'
import { withFailureContext } from '../report/failure-context.ts'
import type { Entrant } from './rounds.ts'
import type { Workload, Harness } from './harness.ts'

/** Resident megabytes; `leftOpen` counts upstream streams that were still open after every caller had hung up. */
export interface Memory {
  readonly idle: number
  readonly withStreams: number
  readonly afterHangUps: number
  readonly leftOpen: number
}

/** A stream that sends one word per second and does not end by itself. */
const LONG_STREAM = { type: 'stream', chunks: 100_000, everyMs: 1_000, firstAfterMs: 0 } as const
const SETTLE_MS = 10_000
const STEP_MS = 100

/** Call it with a fresh process, because `idle` is its memory before the first request. */
export async function measureMemory(
  harness: Harness,
  { name, running }: Entrant,
  amount: { readonly streams: number; readonly hangUps: number },
): Promise<Memory | undefined> {
  const { pid } = running
  if (pid === undefined) return undefined
  const run = (what: string, load: Workload['load']) =>
    withFailureContext(
      name,
      what,
      harness.run(running, { behaviour: LONG_STREAM, requestBytes: 1_000, load }),
    )
  const idle = residentMegabytes(pid)

  await run(`${amount.streams} open streams`, { type: 'hold', streams: amount.streams })
  const withStreams = residentMegabytes(pid)
  await run('closing them', { type: 'let-go' })
  await waitForNoStreams(harness)

  await run(`${amount.hangUps} hang-ups`, { type: 'hang-up', streams: amount.hangUps, connections: 64 })
  const leftOpen = await waitForNoStreams(harness)
  const afterHangUps = await settledMegabytes(pid, withStreams)
  await harness.cutStreams()
  return { idle, withStreams, afterHangUps, leftOpen }
}

/**
 * After hang-ups the broker counts the undelivered output with a tokenizer, whose tables stay in memory for a while. Memory
 * is read once it is down to the level with open streams, or after this time.
 */
const MEMORY_SETTLE_MS = 30_000

async function settledMegabytes(pid: number, enough: number): Promise<number> {
  for (let waitedMs = 0; waitedMs < MEMORY_SETTLE_MS && residentMegabytes(pid) > enough; waitedMs += STEP_MS)
    await sleep(STEP_MS)
  return residentMegabytes(pid)
}

async function waitForNoStreams(harness: Harness): Promise<number> {
  for (let waitedMs = 0; waitedMs < SETTLE_MS; waitedMs += STEP_MS) {
    if ((await harness.stats()).openStreams === 0) return 0
    await sleep(STEP_MS)
  }
  return (await harness.stats()).openStreams
}
