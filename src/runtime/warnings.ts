import { closeSync, openSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import type { Log } from './log-buffer.ts'

/** Problems of the daemon itself that only an operator can fix. */
export interface Alarms {
  /** Logs the warning when it begins, and then once a minute while it is raised again. */
  raise(name: string, message: string): void
  /** Ends the warning and logs that it is over. */
  clear(name: string): void
  /** Messages of the warnings that were raised within the last five minutes and not cleared. */
  current(): readonly string[]
}

interface Alarm {
  readonly message: string
  readonly raisedAt: number
  readonly toldAt: number
}

const TELL_AGAIN_MS = 60_000
const FORGET_MS = 5 * 60_000

/** Warnings by name, kept in memory and written to `log`. */
export function createAlarms({ clock, log }: { readonly clock: Clock; readonly log: Log }): Alarms {
  const alarms = new Map<string, Alarm>()
  return {
    raise(name, message) {
      const now = clock.monotonic()
      const before = alarms.get(name)
      const isNews = before === undefined || now - before.toldAt >= TELL_AGAIN_MS
      alarms.set(name, { message, raisedAt: now, toldAt: isNews ? now : before.toldAt })
      if (isNews) log.error({ alarm: name }, message)
    },
    clear(name) {
      if (alarms.delete(name)) log.info({ alarm: name }, 'this is over')
    },
    current() {
      const now = clock.monotonic()
      return [...alarms.values()]
        .filter(({ raisedAt }) => now - raisedAt < FORGET_MS)
        .map(({ message }) => message)
    },
  }
}

export const OPEN_FILES = 'open-files'
export const NO_MORE_FILES =
  'this broker can open no more files or connections: raise its limit (`ulimit -n`), or lower AIBROKER_MAX_OPEN_REQUESTS'

const LOOK_EVERY_MS = 5_000

/** Checks periodically that a file can be opened: a connection that can't be accepted causes no event. Returns a function that stops it. */
export function watchOpenFiles(alarms: Alarms, clock: Clock): () => void {
  let cancel = clock.after(LOOK_EVERY_MS, look)
  return () => cancel()

  function look(): void {
    if (!canOpenOne()) alarms.raise(OPEN_FILES, NO_MORE_FILES)
    cancel = clock.after(LOOK_EVERY_MS, look)
  }
}

function canOpenOne(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'))
    return true
  } catch {
    return false
  }
}
