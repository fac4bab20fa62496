import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'

export const LOG_LEVELS = ['info', 'warn', 'error'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

/** A log; a pino logger fits. */
export type Log = { readonly [L in LogLevel]: (details: object, message: string) => void }

export interface LogLine {
  /** Counts from 1 and is never reused. */
  readonly number: number
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly level: LogLevel
  readonly message: string
  /** Plain JSON; an error is its message and code. */
  readonly details: Readonly<Record<string, unknown>>
}

export interface LogPage {
  readonly lines: readonly LogLine[]
  /** Value of `after` for the next page. */
  readonly next: number
  /** Number of requested lines that are no longer in the buffer. */
  readonly missed: number
}

export interface LogQuery {
  /** Returns lines after this number, oldest first; without it the latest lines. */
  readonly after?: number | undefined
  readonly level: LogLevel
  readonly limit: number
}

/** A log that keeps its latest lines in memory and forwards each one. */
export interface LogBuffer extends Log {
  read(query: LogQuery): LogPage
  /** Resolves when `read` would return a line, after `ms`, or when `signal` aborts. */
  wait(query: LogQuery, ms: number, signal: AbortSignal): Promise<void>
}

const MAX_LINES = 1000
const MAX_MESSAGE_LENGTH = 2000
/** In characters of JSON; larger details are left out. */
const MAX_DETAILS_LENGTH = 8000

/** Keeps the latest 1000 lines, and forwards every line to `target`. */
export function createLogBuffer({
  clock,
  target,
}: {
  readonly clock: Clock
  readonly target: Log
}): LogBuffer {
  const lines: LogLine[] = []
  const waiting = new Set<() => void>()
  let last = 0

  const append = (level: LogLevel) => (details: object, message: string) => {
    forward(target, level, details, message)
    const line = { level, message: message.slice(0, MAX_MESSAGE_LENGTH), details: toPlainDetails(details) }
    lines.push({ number: ++last, time: clock.now(), ...line })
    if (lines.length > MAX_LINES) lines.shift()
    for (const wake of waiting) wake()
  }

  const read = ({ after, level, limit }: LogQuery): LogPage => {
    const isAtLevel = (line: LogLine): boolean => LOG_LEVELS.indexOf(line.level) >= LOG_LEVELS.indexOf(level)
    if (after === undefined) return { lines: lines.filter(isAtLevel).slice(-limit), next: last, missed: 0 }
    // A number from before a restart is greater than any here: then every line is new.
    const from = after > last ? 0 : after
    const unread = lines.filter((line) => line.number > from && isAtLevel(line))
    const page = unread.slice(0, limit)
    const next = unread.length > page.length ? (page.at(-1)?.number ?? last) : last
    return { lines: page, next, missed: Math.max(0, (lines[0]?.number ?? 1) - 1 - from) }
  }

  return {
    info: append('info'),
    warn: append('warn'),
    error: append('error'),
    read,
    wait: (query, ms, signal) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!signal.aborted && read(query).lines.length === 0) return
          finish()
        }
        const finish = (): void => {
          cancel()
          waiting.delete(check)
          signal.removeEventListener('abort', check)
          resolve()
        }
        const cancel = clock.after(ms, finish)
        waiting.add(check)
        signal.addEventListener('abort', check)
        check()
      }),
  }
}

/** A log must never end what it reports on. */
function forward(target: Log, level: LogLevel, details: object, message: string): void {
  try {
    target[level](details, message)
  } catch {
    // Details that can't be serialized. The line stays in the buffer.
  }
}

function toPlainDetails(details: object): LogLine['details'] {
  try {
    const text = JSON.stringify(details, (_key, value: unknown) =>
      value instanceof Error ? errorDetails(value) : value,
    )
    return text.length > MAX_DETAILS_LENGTH ? { cut: `${text.length} characters` } : JSON.parse(text)
  } catch {
    return {}
  }
}

function errorDetails(error: Error): object {
  const { name, message, cause } = error
  return {
    name,
    message: message.slice(0, MAX_MESSAGE_LENGTH),
    ...(error instanceof BrokerError ? { code: error.code } : {}),
    ...(cause instanceof Error ? { cause } : {}),
  }
}
