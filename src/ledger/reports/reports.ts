import type { Worker } from 'node:worker_threads'
import { BrokerError } from '../../base/errors.ts'
import { startThread } from '../../base/host/start-thread.ts'
import type { ReportCall, ReportReply } from './reports-worker.ts'
import type { ReportKinds } from './report-types.ts'

/** Reports over all requests: totals, groups, pages. They are computed in a thread of their own, from the first one on. */
export interface Reports extends AsyncDisposable {
  /** Rejects with `bad-request`, `overloaded`, and with `internal` when the thread fails. */
  run<K extends keyof ReportKinds>(kind: K, query: ReportKinds[K]['query']): Promise<ReportKinds[K]['report']>
}

export interface ReportsOptions {
  /** The file with the totals, which is created when it is missing. */
  readonly path: string
  /** The ledger's database. */
  readonly sourcePath: string
  /** Resolves when what was settled so far is in the database. */
  readonly whenWritten: () => Promise<void>
}

/** Reports wait for each other; more than these are refused. */
const MAX_WAITING = 200

export function openReports(options: ReportsOptions): Reports {
  return new ThreadReports(options)
}

class ThreadReports implements Reports {
  readonly #options: ReportsOptions
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #worker: Worker | undefined
  #lastId = 0

  constructor(options: ReportsOptions) {
    this.#options = options
  }

  async run<K extends keyof ReportKinds>(
    kind: K,
    query: ReportKinds[K]['query'],
  ): Promise<ReportKinds[K]['report']> {
    await this.#options.whenWritten()
    if (this.#waiting.size >= MAX_WAITING)
      throw new BrokerError('overloaded', `${MAX_WAITING} reports are waiting already; retry in a moment`)
    const id = ++this.#lastId
    const reply = Promise.withResolvers<unknown>()
    this.#waiting.set(id, reply)
    const worker = (this.#worker ??= this.#start())
    worker.ref()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage({ id, kind, query } satisfies ReportCall)
    return (await reply.promise) as ReportKinds[K]['report']
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker
    this.#fail(new BrokerError('stopping', 'the broker is stopping'))
    await worker?.terminate()
  }

  #start(): Worker {
    const { path, sourcePath } = this.#options
    const worker = startThread('./reports-worker', import.meta.url, {
      workerData: { path, sourcePath },
    })
    worker.on('message', (reply: ReportReply) => this.#receive(reply))
    worker.on('error', (error) => this.#fail(new BrokerError('internal', 'internal error', { cause: error })))
    worker.on('exit', () => this.#fail(new BrokerError('internal', 'the thread of the reports ended')))
    return worker
  }

  #receive(reply: ReportReply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    // The thread keeps the process alive only while a report is running.
    if (this.#waiting.size === 0) this.#worker?.unref()
    if ('report' in reply) waiting?.resolve(reply.report)
    else waiting?.reject(new BrokerError(reply.code, reply.message))
  }

  /** The next report starts a new thread. */
  #fail(error: BrokerError): void {
    this.#worker = undefined
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
