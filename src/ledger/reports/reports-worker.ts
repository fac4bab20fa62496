/** The thread that answers reports, so that reading many rows never blocks the event loop of the broker. */
import { parentPort, workerData } from 'node:worker_threads'
import { asBrokerError, type ErrorCode } from '../../base/errors.ts'
import { damagedDatabase } from '../../store/damage/damage.ts'
import { isDamagedRow } from '../entries/row-readers.ts'
import { ReportTables } from './report-tables.ts'
import type { ReportKinds } from './report-types.ts'
import { runReport } from './run-report.ts'

/** One question to the thread. */
export interface ReportCall {
  readonly id: number
  readonly kind: keyof ReportKinds
  readonly query: ReportKinds[keyof ReportKinds]['query']
}

/** What the thread sends back. */
export type ReportReply =
  | { readonly id: number; readonly report: unknown }
  | { readonly id: number; readonly code: ErrorCode; readonly message: string }

serve(workerData as { path: string; sourcePath: string })

function serve({ path, sourcePath }: { path: string; sourcePath: string }): void {
  let tables: ReportTables | undefined
  parentPort?.on('message', ({ id, kind, query }: ReportCall) => {
    const report = () => runReport((tables ??= new ReportTables(path, sourcePath)), kind, query as never)
    const reply = replyTo(id, sourcePath, report)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage(reply)
  })
}

function replyTo(id: number, sourcePath: string, run: () => unknown): ReportReply {
  try {
    return { id, report: run() }
  } catch (thrown) {
    const error = asBrokerError(isDamagedRow(thrown) ? damagedDatabase(sourcePath, thrown) : thrown)
    const isStated = error.code !== 'internal' || !(thrown instanceof Error)
    return { id, code: error.code, message: isStated ? error.message : thrown.message }
  }
}
