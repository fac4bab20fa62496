import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { createConcurrencyLimit } from '../../src/inference/admission/concurrency-limit.ts'
import { createUpstreamIds } from '../../src/inference/response/upstream-ids.ts'
import { createLedger } from '../../src/ledger/ledger.ts'
import { createLimits } from '../../src/limits/limits.ts'
import { openLimitStore } from '../../src/limits/limit-store.ts'
import { IPC_FD, openIpcChannel } from '../../src/daemon/workers/ipc/ipc-channel.ts'
import type { FromWorker, ToWorker } from '../../src/daemon/workers/ipc/ipc-messages.ts'
import {
  RemoteAccountingServer,
  type RemoteAccountingServerParts,
} from '../../src/daemon/workers/primary/remote-accounting-server.ts'
import { openStore } from '../../src/store/store.ts'

/** Throughput and cost of a primary that does only the accounting of its workers, in this process. */
export interface AccountingFigures {
  readonly workers: number
  readonly concurrency: number
  readonly perSecond: number
  /** CPU microseconds of the primary per request: admitted, held, settled, on disk. */
  readonly cpu: number
  /** Share of one core that the primary used. Well below 1 means that the workers were the bottleneck. */
  readonly busy: number
}

const WARM_UP_MS = 1_500
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** Measures for `forMs` milliseconds, with `workers` workers of `atOnce` concurrent requests each. */
export async function measureAccounting(
  workers: number,
  concurrency: number,
  forMs: number,
): Promise<AccountingFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-accounting-'))
  const clock = systemClock
  const store = openStore({ path: join(folder, 'requests.db'), clock, durability: 'power-safe-soon' })
  try {
    const ledger = createLedger({ store, now: clock.now() })
    const rules = openLimitStore(store, clock)
    let settled = 0
    const services = {
      ledger,
      limits: createLimits({ rules, ledger, clock }),
      endpointStats: { record: () => void settled++ },
      upstreamIds: createUpstreamIds({ store, clock, keepDays: 1 }),
    }
    const http = { concurrencyLimit: createConcurrencyLimit(100_000) }
    const children = Array.from({ length: workers }, () =>
      startAccountingWorker(concurrency, { services, http }),
    )
    await sleep(WARM_UP_MS)
    const [before, cpuBefore, startMs] = [settled, process.cpuUsage(), performance.now()]
    await sleep(forMs)
    const [count, cpu, ms] = [settled - before, process.cpuUsage(cpuBefore), performance.now() - startMs]
    await Promise.all(children.map((stop) => stop()))
    const cpuMicroseconds = cpu.user + cpu.system
    return {
      workers,
      concurrency,
      perSecond: (count * 1000) / ms,
      cpu: cpuMicroseconds / count,
      busy: cpuMicroseconds / ms / 1000,
    }
  } finally {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function startAccountingWorker(
  concurrency: number,
  parts: Pick<RemoteAccountingServerParts, 'services' | 'http'>,
): () => Promise<void> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'accounting-worker.ts'), `${concurrency}`],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ignore', 'pipe'],
    },
  )
  const accounting = new RemoteAccountingServer({
    ...parts,
    log: SILENT,
    respond: (message) => channel.send(message),
    respondDeferred: (message) => channel.sendDeferred(message),
  })
  const closed = Promise.withResolvers<void>()
  const channel = openIpcChannel<FromWorker, ToWorker>(child.stdio[IPC_FD] as Duplex, {
    onMessage: (message) => {
      if (message.type === 'reserve' || message.type === 'settle') accounting.onMessage(message)
    },
    onClose: () => {
      accounting.onWorkerExit()
      closed.resolve()
    },
  })
  return async () => {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await Promise.all([exited, closed.promise])
  }
}
