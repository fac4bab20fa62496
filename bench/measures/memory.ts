import { setTimeout as sleep } from 'node:timers/promises'
import { residentMegabytes } from '../processes/cost.ts'
import type { Entrant } from './rounds.ts'
import type { Stage } from './stage.ts'

/** Resident megabytes; `leftOpen` counts upstream streams that were still open after every caller had hung up. */
export interface Memory {
  readonly idle: number
  readonly withStreams: number
  readonly afterHangUps: number
  readonly leftOpen: number
}

/** A stream that says one word a second and does not end by itself. */
const LONG_STREAM = { type: 'stream', chunks: 100_000, everyMs: 1_000, firstAfterMs: 0 } as const
const SETTLE_MS = 10_000
const STEP_MS = 100

/** To be taken of fresh processes: idle is what they are before their first request. */
export async function measureMemory(
  stage: Stage,
  { running }: Entrant,
  amount: { readonly streams: number; readonly hangUps: number },
): Promise<Memory | undefined> {
  const { pid } = running
  if (pid === undefined) return undefined
  const scene = { manner: LONG_STREAM, requestBytes: 1_000 }
  const idle = residentMegabytes(pid)

  await stage.play(running, { ...scene, load: { type: 'hold', streams: amount.streams } })
  const withStreams = residentMegabytes(pid)
  await stage.play(running, { ...scene, load: { type: 'let-go' } })
  await untilNoStreams(stage)

  await stage.play(running, {
    ...scene,
    load: { type: 'hang-up', streams: amount.hangUps, connections: 64 },
  })
  const leftOpen = await untilNoStreams(stage)
  const afterHangUps = residentMegabytes(pid)
  await stage.cutStreams()
  return { idle, withStreams, afterHangUps, leftOpen }
}

async function untilNoStreams(stage: Stage): Promise<number> {
  for (let waitedMs = 0; waitedMs < SETTLE_MS; waitedMs += STEP_MS) {
    if ((await stage.stats()).openStreams === 0) return 0
    await sleep(STEP_MS)
  }
  return (await stage.stats()).openStreams
}
