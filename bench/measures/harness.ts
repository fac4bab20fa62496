import { join } from 'node:path'
import type { Running } from '../contenders/contender.ts'
import type { Job, LoadResult, LoadRequest } from '../load/job.ts'
import { cpuMicroseconds } from '../processes/cost.ts'
import { startWorker, type Worker } from '../processes/worker.ts'
import type { UpstreamBehaviour, UpstreamCommand, UpstreamStats } from '../upstream/behaviour.ts'
import { contentLength } from '../upstream/prebuilt.ts'

/** The upstream and the load generator, each in its own process; contenders run between them. */
export interface Harness extends AsyncDisposable {
  readonly port: number
  stats(): Promise<UpstreamStats>
  /** Ends the streams that a contender failed to cancel, so that they do not affect the next contender. */
  cutStreams(): Promise<UpstreamStats>
  run(running: Running, workload: Workload): Promise<Slice>
}

/** How the upstream behaves, what is requested, and for how long. */
export interface Workload {
  readonly behaviour: UpstreamBehaviour
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

export async function openHarness(): Promise<Harness> {
  const upstream: Worker<UpstreamCommand, UpstreamStats> = startWorker(at('../upstream/upstream.ts'))
  const load: Worker<Job, LoadResult> = startWorker(at('../load/load.ts'))
  const { port } = await upstream.call({ type: 'listen' })
  return {
    port,
    stats: () => upstream.call({ type: 'stats' }),
    cutStreams: () => upstream.call({ type: 'cut-streams' }),
    async run(running, workload) {
      const before = await upstream.call(workload.behaviour)
      const cpuBefore = cpuOf(running)
      const timeoutMs = SLACK_MS + ('forMs' in workload.load ? workload.load.forMs : 0)
      const result = await load.call(jobOf(running, workload), timeoutMs)
      const cpuAfter = cpuOf(running)
      const after = await upstream.call({ type: 'stats' })
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

function jobOf(running: Running, { behaviour, requestBytes, tools = 0, load }: Workload): Job {
  if (load.type === 'let-go') return load
  const request: LoadRequest = {
    target: running.target,
    path: running.path ?? '/v1/chat/completions',
    headers: running.headers ?? {},
    bodyBytes: requestBytes,
    tools,
    expect:
      behaviour.type === 'plain'
        ? { type: 'plain', contentLength: contentLength(behaviour.bodyBytes) }
        : { type: 'stream', chunks: behaviour.chunks },
  }
  return { ...load, request }
}
