/**
 * The thread that syncs the write-ahead log. It has no event loop to be late in: while nothing is written it sleeps, and
 * neither a busy main thread nor a full thread pool delays it.
 */
import { fdatasyncSync, fstatSync, openSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { CLOSED, LOG_BYTES, SYNCED, WRITTEN } from './log-sync-state.ts'

/**
 * Time in which commits gather for one sync, less the time that the sync before it took, in which commits gathered as well.
 * Together with the sync itself it is less than 50 ms wherever a sync takes 25 ms at most.
 */
const GATHER_MS = 20
/** After a failure (too many open files, a broken disk) no caller waits, so all that can be done is to try again. */
const RETRY_MS = 25
const MAX_INT32 = 2 ** 31 - 1

export interface LogSyncWorkerData {
  readonly path: string
  readonly state: SharedArrayBuffer
}

run(workerData as LogSyncWorkerData)

function run({ path, state: memory }: LogSyncWorkerData): void {
  const state = new Int32Array(memory)
  let file: number | undefined
  let tookMs = 0
  for (;;) {
    Atomics.wait(state, WRITTEN, Atomics.load(state, SYNCED))
    if (Atomics.load(state, CLOSED) === 1) return
    if (tookMs < GATHER_MS) Atomics.wait(state, CLOSED, 0, GATHER_MS - tookMs)
    if (Atomics.load(state, CLOSED) === 1) return
    const startedAt = performance.now()
    const written = Atomics.load(state, WRITTEN)
    try {
      file ??= openSync(path, 'r+')
      fdatasyncSync(file)
      Atomics.store(state, SYNCED, written)
      Atomics.store(state, LOG_BYTES, Math.min(fstatSync(file).size, MAX_INT32))
    } catch {
      Atomics.wait(state, CLOSED, 0, RETRY_MS)
    }
    tookMs = performance.now() - startedAt
  }
}
