import type { Clock } from '../../../base/clock.ts'
import type { FromWorker, LogLevel } from '../ipc/ipc-messages.ts'

type Send = (message: FromWorker) => void

/** Delay after which counts are sent to the primary. */
const COUNTED_EVERY_MS = 100

/** Counts the responses of all listeners for the primary's metrics; `tell` sends the counts at once. */
export function countAnswers(send: Send, clock: Clock) {
  const counts = new Map<string, { readonly door: string; readonly status: number; count: number }>()
  const tell = (): void => {
    for (const counted of counts.values()) send({ type: 'responses', ...counted })
    counts.clear()
  }
  return {
    tell,
    answered(door: string, status: number): void {
      if (counts.size === 0) clock.after(COUNTED_EVERY_MS, tell)
      const key = `${door} ${status}`
      const counted = counts.get(key)
      if (counted === undefined) counts.set(key, { door, status, count: 1 })
      else counted.count++
    },
  }
}

/** A log that writes to the log of the primary. */
export function logTo(send: Send): Record<LogLevel, (details: object, message: string) => void> {
  const at = (level: LogLevel) => (details: object, message: string) =>
    send({ type: 'log', level, details: plain(details), message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** As plain data: errors with their stacks, any other value as text. */
function plain(details: object): object {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]: [string, unknown]) => [
      name,
      value instanceof Error
        ? { type: value.name, message: value.message, stack: value.stack }
        : String(value),
    ]),
  )
}
