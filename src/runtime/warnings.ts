import { closeSync, openSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import type { Log } from './log-buffer.ts'

/** What is wrong with the house itself, which only a person can mend. */
export interface Alarms {
  /** Told to the log when it begins, and then once a minute while it goes on. */
  raise(name: string, message: string): void
  /** It is over. */
  clear(name: string): void
  /** What was raised within the last five minutes and isn't over, a sentence each. */
  current(): readonly string[]
}

interface Alarm {
  readonly message: string
  readonly raisedAt: number
  readonly toldAt: number
}

const TELL_AGAIN_MS = 60_000
const FORGET_MS = 5 * 60_000

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

/** Looks now and then whether a file can still be opened: connections that can't be accepted make no noise. */
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
