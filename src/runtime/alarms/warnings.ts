import { closeSync, openSync } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../log-buffer.ts'

/** Problems of the daemon itself that only an operator can fix. */
export interface Warnings {
  /** Logs the warning when it begins, and then once a minute while it is raised again. */
  raise(name: string, message: string): void
  /** Ends the warning and logs that it is over. */
  clear(name: string): void
  /** Messages of the warnings that were raised within the last five minutes and not cleared. */
  current(): readonly string[]
}

/** A warning that began or ended. */
export interface AlarmChange {
  readonly alarm: string
  readonly state: 'raised' | 'cleared'
  readonly message: string
}

interface Warning {
  readonly message: string
  readonly raisedAt: number
  readonly loggedAt: number
}

const REPEAT_MS = 60_000
const EXPIRE_MS = 5 * 60_000

/** Warnings by name, kept in memory and written to `log`. */
export function createWarnings({
  clock,
  log,
  onChange = () => undefined,
}: {
  readonly clock: Clock
  readonly log: Log
  readonly onChange?: ((change: AlarmChange) => void) | undefined
}): Warnings {
  const warnings = new Map<string, Warning>()
  return {
    raise(name, message) {
      const now = clock.monotonic()
      const before = warnings.get(name)
      const isDue = before === undefined || now - before.loggedAt >= REPEAT_MS
      warnings.set(name, { message, raisedAt: now, loggedAt: isDue ? now : before.loggedAt })
      if (isDue) log.error({ alarm: name }, message)
      const isNew = before === undefined || now - before.raisedAt >= EXPIRE_MS
      if (isNew) onChange({ alarm: name, state: 'raised', message })
    },
    clear(name) {
      const before = warnings.get(name)
      if (before === undefined) return
      warnings.delete(name)
      log.info({ alarm: name }, 'this is over')
      onChange({ alarm: name, state: 'cleared', message: before.message })
    },
    current() {
      const now = clock.monotonic()
      return [...warnings.values()]
        .filter(({ raisedAt }) => now - raisedAt < EXPIRE_MS)
        .map(({ message }) => message)
    },
  }
}

export const OPEN_FILES = 'open-files'
export const OPEN_FILES_EXHAUSTED =
  'this broker can open no more files or connections: raise its limit (`ulimit -n`), or lower AIBROKER_MAX_OPEN_REQUESTS'

const CHECK_INTERVAL_MS = 5_000

/** Checks periodically that a file can be opened: a connection that can't be accepted causes no event. Returns a function that stops it. */
export function watchOpenFiles(warnings: Warnings, clock: Clock): () => void {
  let cancel = clock.after(CHECK_INTERVAL_MS, check)
  return () => cancel()

  function check(): void {
    if (!canOpenFile()) warnings.raise(OPEN_FILES, OPEN_FILES_EXHAUSTED)
    cancel = clock.after(CHECK_INTERVAL_MS, check)
  }
}

function canOpenFile(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'))
    return true
  } catch {
    return false
  }
}
