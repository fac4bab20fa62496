import type { Clock } from '../../../base/clock.ts'
import type { FromWorker, LogLevel } from '../ipc/ipc-messages.ts'

type Send = (message: FromWorker) => void

/** Counters may be so late. */
const COUNTED_EVERY_MS = 100

/** Counts the answers of all doors, for the primary's metrics; `tell` says at once what was counted. */
export function countAnswers(send: Send, clock: Clock) {
  const counts = new Map<string, { readonly door: string; readonly status: number; count: number }>()
  const tell = (): void => {
    for (const counted of counts.values()) send({ type: 'answered', ...counted })
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

/** The log of a worker is the primary's. */
export function logTo(send: Send): Record<LogLevel, (details: object, message: string) => void> {
  const at = (level: LogLevel) => (details: object, message: string) =>
    send({ type: 'log', level, details: plain(details), message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Errors keep their stacks, anything else its text. */
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
