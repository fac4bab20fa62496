import { setTimeout as sleep } from 'node:timers/promises'
import { residentMegabytes } from '../processes/cost.ts'
import { blame } from '../report/failure-context.ts'
import type { Entrant } from './rounds.ts'
import type { Scene, Stage } from './harness.ts'

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
  stage: Stage,
  { name, running }: Entrant,
  amount: { readonly streams: number; readonly hangUps: number },
): Promise<Memory | undefined> {
  const { pid } = running
  if (pid === undefined) return undefined
  const play = (what: string, load: Scene['load']) =>
    blame(name, what, stage.play(running, { manner: LONG_STREAM, requestBytes: 1_000, load }))
  const idle = residentMegabytes(pid)

  await play(`${amount.streams} open streams`, { type: 'hold', streams: amount.streams })
  const withStreams = residentMegabytes(pid)
  await play('closing them', { type: 'let-go' })
  await untilNoStreams(stage)

  await play(`${amount.hangUps} hang-ups`, { type: 'hang-up', streams: amount.hangUps, connections: 64 })
  const leftOpen = await untilNoStreams(stage)
  const afterHangUps = await restingMegabytes(pid, withStreams)
  await stage.cutStreams()
  return { idle, withStreams, afterHangUps, leftOpen }
}

/**
 * After hang-ups the broker counts the undelivered output with a tokenizer, whose tables stay in memory for a while. Memory
 * is read once it is down to the level with open streams, or after this time.
 */
const REST_MS = 30_000

async function restingMegabytes(pid: number, enough: number): Promise<number> {
  for (let waitedMs = 0; waitedMs < REST_MS && residentMegabytes(pid) > enough; waitedMs += STEP_MS)
    await sleep(STEP_MS)
  return residentMegabytes(pid)
}

async function untilNoStreams(stage: Stage): Promise<number> {
  for (let waitedMs = 0; waitedMs < SETTLE_MS; waitedMs += STEP_MS) {
    if ((await stage.stats()).openStreams === 0) return 0
    await sleep(STEP_MS)
  }
  return (await stage.stats()).openStreams
}
