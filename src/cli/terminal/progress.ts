import { styleText } from 'node:util'
import { Worker } from 'node:worker_threads'

import type { Transport, TransportRequest } from '../../sdk/index.ts'
import type { Terminal } from './terminal.ts'

const SHOWN_AFTER_MS = 1000
const UPDATE_INTERVAL_MS = 250
const ERASE_LINE = '\r\u001B[2K'

/** Shows on standard error, so that piped output stays clean, that something keeps the command waiting. */
interface WaitingNotice extends Disposable {
  /** Something came: the wait begins anew. */
  touch(): void
}

/** Waits, and after a second says on standard error for what. */
export async function whileWaiting<T>(terminal: Terminal, what: string, wait: () => Promise<T>): Promise<T> {
  using _ = showWaiting(terminal, what)
  return await wait()
}

/** A transport that says on standard error what a request waits for, once that is more than a second. */
export function withProgress(
  terminal: Terminal,
  transport: Transport,
  nameOf: (request: TransportRequest) => string,
): Transport {
  return async (request) => {
    const notice = showWaiting(terminal, nameOf(request))
    try {
      const answer = await transport(request)
      return { ...answer, body: watched(answer.body, notice, terminal) }
    } catch (error) {
      notice[Symbol.dispose]()
      throw error
    }
  }
}

/** On a terminal the text of a response stands where the notice would: there it covers the time before the first piece only. */
async function* watched(
  body: AsyncIterable<Uint8Array>,
  notice: WaitingNotice,
  { errors }: Terminal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of body) {
      if (errors.isTTY) notice[Symbol.dispose]()
      else notice.touch()
      yield piece
    }
  } finally {
    notice[Symbol.dispose]()
  }
}

/** A terminal gets a line that counts the seconds and is erased in the end; a file or a pipe gets one line. */
function showWaiting({ errors }: Terminal, what: string): WaitingNotice {
  let startedAt = performance.now()
  let isShown = false
  const timer = setInterval(() => {
    const ms = performance.now() - startedAt
    if (ms < SHOWN_AFTER_MS || (isShown && !errors.isTTY)) return
    isShown = true
    errors.write(errors.isTTY ? countingLine(errors, what, ms) : `hero_aibroker: waiting for ${what}\n`)
  }, UPDATE_INTERVAL_MS).unref()
  return {
    touch: () => (startedAt = performance.now()),
    [Symbol.dispose]() {
      clearInterval(timer)
      if (isShown && errors.isTTY) errors.write(ERASE_LINE)
      isShown = false
    },
  }
}

function countingLine(errors: NodeJS.WriteStream, what: string, ms: number): string {
  const text = `waiting for ${what} … ${Math.floor(ms / 1000)} s`
  return `${ERASE_LINE}${styleText('dim', text.slice(0, (errors.columns || 80) - 1), { stream: errors })}`
}

const STDERR = 2

/**
 * The same for work that blocks this thread, such as reading a locked or large database: another thread writes the line. Does
 * nothing where standard error is not that of the process.
 */
export async function whileBlocked<T>(
  { errors }: Terminal,
  what: string,
  work: () => Promise<T> | T,
): Promise<T> {
  if (errors !== process.stderr) return await work()
  const flag = new SharedArrayBuffer(4)
  const line = `hero_aibroker: waiting for ${what}\n`
  const worker = new Worker(WRITE_UNLESS_DONE, {
    eval: true,
    workerData: { flag, line, ms: SHOWN_AFTER_MS, fd: STDERR },
  })
  worker.unref()
  try {
    return await work()
  } finally {
    Atomics.store(new Int32Array(flag), 0, 1)
    Atomics.notify(new Int32Array(flag), 0)
  }
}

const WRITE_UNLESS_DONE = `
const { workerData: { flag, line, ms, fd } } = require('node:worker_threads')
if (Atomics.wait(new Int32Array(flag), 0, 0, ms) === 'timed-out') require('node:fs').writeSync(fd, line)`
