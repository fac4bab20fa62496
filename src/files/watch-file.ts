import { type BigIntStats, type FSWatcher, lstatSync, readlinkSync, statSync, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join, parse, resolve, sep } from 'node:path'
import type { Clock } from '../base/clock.ts'

/** Editors write in several steps; a change is reported after so long without another one. */
const QUIET_MS = 100
/** A file that never stops changing is reported after so long all the same. */
const MAX_WAIT_MS = 2000
/** Network file systems, and single files that are bound into a container, announce no changes. */
const POLL_MS = 2000
/** As many as Linux follows. */
const MAX_LINKS = 40

export interface FileWatch {
  close(): void
}

/**
 * Calls `onChange` after the file at `path` was written, replaced, removed or created, until the watch is closed. Every link
 * on the way to the file is watched with its folder, so that a swapped link counts as a change; and because not every file
 * system announces changes, the file is also looked at every two seconds.
 */
export function watchFile(path: string, clock: Clock, onChange: () => void): FileWatch {
  return new ChainWatch(resolve(path), clock, onChange)
}

class ChainWatch implements FileWatch {
  readonly #path: string
  readonly #clock: Clock
  readonly #onChange: () => void
  #watchers: readonly FSWatcher[] = []
  /** The folders and names that are watched now. */
  #watchedChain = ''
  /** The state of the file when it was last reported. */
  #fingerprint: string
  #cancelPoll: () => void = () => undefined
  #cancelReport: (() => void) | undefined
  #firstEventAt = 0
  #isClosed = false

  constructor(path: string, clock: Clock, onChange: () => void) {
    this.#path = path
    this.#clock = clock
    this.#onChange = onChange
    this.#fingerprint = fingerprintOf(path)
    this.#followChain()
    this.#schedulePoll()
  }

  close(): void {
    this.#isClosed = true
    this.#cancelPoll()
    this.#cancelReport?.()
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
  }

  #schedulePoll(): void {
    this.#cancelPoll = this.#clock.after(POLL_MS, () => void this.#poll())
  }

  /** Not synchronous: a network file system whose server is gone would stop the whole process. */
  async #poll(): Promise<void> {
    const found = await stat(this.#path, { bigint: true }).then(fingerprint, faultOf)
    if (this.#isClosed) return
    if (this.#cancelReport === undefined && found !== this.#fingerprint) this.#reportSoon()
    this.#schedulePoll()
  }

  #reportSoon(): void {
    const now = this.#clock.monotonic()
    if (this.#cancelReport === undefined) this.#firstEventAt = now
    else if (now - this.#firstEventAt >= MAX_WAIT_MS) return
    this.#cancelReport?.()
    this.#cancelReport = this.#clock.after(QUIET_MS, () => this.#report())
  }

  #report(): void {
    this.#cancelReport = undefined
    this.#fingerprint = fingerprintOf(this.#path)
    this.#followChain()
    this.#onChange()
  }

  /** Watches the folders on the way to the file as it is now. Where watching fails, the poll remains. */
  #followChain(): void {
    const chain = chainOf(this.#path)
    const key = JSON.stringify([...chain].map(([folder, names]) => [folder, inodeOf(folder), [...names]]))
    if (key === this.#watchedChain) return
    this.#watchedChain = key
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = [...chain].flatMap(([folder, names]) => this.#watchFolder(folder, names))
  }

  /** Watches the folder, not the file: many editors replace the file by a new one. */
  #watchFolder(folder: string, names: ReadonlySet<string>): FSWatcher[] {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name === null || names.has(name)) this.#reportSoon()
      })
      watcher.on('error', () => watcher.close())
      return [watcher]
    } catch {
      return []
    }
  }
}

/** The names that lead to the file, by the folder they are in: the file itself, and every link that is followed on the way. */
function chainOf(path: string): ReadonlyMap<string, ReadonlySet<string>> {
  const chain = new Map<string, Set<string>>()
  const add = (place: string): void => {
    const names = chain.get(dirname(place)) ?? new Set<string>()
    chain.set(dirname(place), names.add(place.slice(dirname(place).length).replace(/^\//, '')))
  }
  let rest = path.slice(parse(path).root.length).split(sep)
  let at = parse(path).root
  for (let links = 0; ;) {
    const [name, ...others] = rest
    if (name === undefined) break
    const place = join(at, name)
    const target = links < MAX_LINKS ? linkTarget(place) : undefined
    if (target !== undefined) {
      links++
      add(place)
      const full = resolve(at, target)
      rest = [...full.slice(parse(full).root.length).split(sep), ...others]
      at = parse(full).root
      continue
    }
    if (others.length === 0 || !exists(place)) {
      // Of a folder that is missing, its appearance is watched.
      add(place)
      break
    }
    rest = others
    at = place
  }
  return chain
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function inodeOf(folder: string): string {
  try {
    const { dev, ino } = statSync(folder)
    return `${dev}:${ino}`
  } catch {
    return ''
  }
}

function fingerprintOf(path: string): string {
  try {
    return fingerprint(statSync(path, { bigint: true }))
  } catch (error) {
    return faultOf(error)
  }
}

function fingerprint({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}

function faultOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
}
