import { join } from 'node:path'
import type { Running } from '../contenders/contender.ts'
import type { Job, LoadResult, Question } from '../load/job.ts'
import { cpuMicroseconds } from '../processes/cost.ts'
import { startWorker, type Worker } from '../processes/worker.ts'
import type { Manner, UpstreamQuestion, UpstreamStats } from '../upstream/behaviour.ts'
import { contentLength } from '../upstream/prebuilt.ts'

/** The upstream and the load generator, each in its own process; contenders run between them. */
export interface Stage extends AsyncDisposable {
  readonly port: number
  stats(): Promise<UpstreamStats>
  /** Ends the streams that a contender failed to cancel, so that they do not affect the next contender. */
  cutStreams(): Promise<UpstreamStats>
  play(running: Running, scene: Scene): Promise<Slice>
}

/** How the upstream behaves, what is requested, and for how long. */
export interface Scene {
  readonly manner: Manner
  readonly requestBytes: number
  /** Number of function definitions sent in addition to `requestBytes`. */
  readonly tools?: number | undefined
  readonly load: Load
}

type Load =
  | {
      readonly type: 'closed'
      readonly connections: number
      readonly forMs: number
      readonly spreadMs?: number | undefined
    }
  | { readonly type: 'open'; readonly perSecond: number; readonly forMs: number }
  | { readonly type: 'hold'; readonly streams: number }
  | { readonly type: 'hang-up'; readonly streams: number; readonly connections: number }
  | { readonly type: 'let-go' }

export interface Slice extends LoadResult {
  /** Stream chunks that the upstream sent meanwhile. */
  readonly chunks: number
  /** CPU time of the contender with all threads and children; `undefined` when it has no process. */
  readonly cpuMicroseconds: number | undefined
}

/** Time beyond its length that a slice may take to open its connections and to finish running requests. */
const SLACK_MS = 30_000

export async function openStage(): Promise<Stage> {
  const upstream: Worker<UpstreamQuestion, UpstreamStats> = startWorker(at('../upstream/upstream.ts'))
  const load: Worker<Job, LoadResult> = startWorker(at('../load/load.ts'))
  const { port } = await upstream.ask({ type: 'listen' })
  return {
    port,
    stats: () => upstream.ask({ type: 'stats' }),
    cutStreams: () => upstream.ask({ type: 'cut-streams' }),
    async play(running, scene) {
      const before = await upstream.ask(scene.manner)
      const cpuBefore = cpuOf(running)
      const timeoutMs = SLACK_MS + ('forMs' in scene.load ? scene.load.forMs : 0)
      const result = await load.ask(jobOf(running, scene), timeoutMs)
      const cpuAfter = cpuOf(running)
      const after = await upstream.ask({ type: 'stats' })
      return {
        ...result,
        chunks: after.chunks - before.chunks,
        cpuMicroseconds: cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore,
      }
    },
    async [Symbol.asyncDispose]() {
      await load[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

const at = (file: string) => join(import.meta.dirname, file)

const cpuOf = (running: Running) => (running.pid === undefined ? undefined : cpuMicroseconds(running.pid))

function jobOf(running: Running, { manner, requestBytes, tools = 0, load }: Scene): Job {
  if (load.type === 'let-go') return load
  const question: Question = {
    target: running.target,
    path: running.path ?? '/v1/chat/completions',
    headers: running.headers ?? {},
    bodyBytes: requestBytes,
    tools,
    expect:
      manner.type === 'plain'
        ? { type: 'plain', contentLength: contentLength(manner.bodyBytes) }
        : { type: 'stream', chunks: manner.chunks },
  }
  return { ...load, question }
}
