import type { Clock } from '../../../base/clock.ts'
import type { FromWorker, LogLevel } from '../ipc/ipc-messages.ts'

type Send = (message: FromWorker) => void

/** Delay after which counts are sent to the primary. */
const FLUSH_INTERVAL_MS = 100

/** Counts the responses of all listeners for the primary's metrics; `flush` sends the counts at once. */
export function createResponseCounter(send: Send, clock: Clock) {
  const counts = new Map<string, { readonly listener: string; readonly status: number; count: number }>()
  const flush = (): void => {
    for (const counted of counts.values()) send({ type: 'responses', ...counted })
    counts.clear()
  }
  return {
    flush,
    recordResponse(listener: string, status: number): void {
      if (counts.size === 0) clock.after(FLUSH_INTERVAL_MS, flush)
      const key = `${listener} ${status}`
      const counted = counts.get(key)
      if (counted === undefined) counts.set(key, { listener, status, count: 1 })
      else counted.count++
    },
  }
}

/** A log that writes to the log of the primary. */
export function createIpcLog(send: Send): Record<LogLevel, (details: object, message: string) => void> {
  const at = (level: LogLevel) => (details: object, message: string) =>
    send({ type: 'log', level, details: toPlainObject(details), message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** As plain data: errors with their stacks, any other value as text. Never throws: a log must not end a request. */
function toPlainObject(details: object): object {
  try {
    return Object.fromEntries(
      Object.entries(details).map(([name, value]: [string, unknown]) => [
        name,
        value instanceof Error
          ? { type: value.name, message: value.message, stack: value.stack }
          : String(value),
      ]),
    )
  } catch {
    return {}
  }
}
