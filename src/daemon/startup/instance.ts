import type { Clock } from '../../base/clock.ts'
import type { Config } from '../../config/config.ts'
import { ineffectiveSettings } from '../../config/effective-settings.ts'
import { DrainTimer } from '../../runtime/drain-timer.ts'
import { lockInstance } from '../../runtime/instance-lock.ts'
import { createLogBuffer, type LogBuffer } from '../../runtime/log-buffer.ts'
import { socketPaths, type SocketPaths } from '../../runtime/socket-paths.ts'
import { createWarnings, watchOpenFiles, type Warnings } from '../../runtime/warnings.ts'
import type { DaemonLog } from '../log.ts'

/** What every step of the start needs. */
export interface DaemonInstance {
  readonly config: Config
  readonly clock: Clock
  readonly log: LogBuffer
  readonly sockets: SocketPaths
  readonly warnings: Warnings
  readonly drainTimer: DrainTimer
  /** Monotonic milliseconds. */
  readonly startedAt: number
  /** Closes in reverse order what the steps have opened. */
  readonly stack: AsyncDisposableStack
}

/** Becomes the only daemon of its socket folder. Throws `cannot-start` when another one is running. */
export async function openInstance(
  config: Config,
  clock: Clock,
  target: DaemonLog,
  stack: AsyncDisposableStack,
): Promise<DaemonInstance> {
  const log = createLogBuffer({ clock, target })
  const startedAt = clock.monotonic()
  const sockets = socketPaths(config.socketDir)
  stack.adopt(await lockInstance(sockets.folder), (lock) => lock.release())
  const warnings = createWarnings({ clock, log })
  for (const problem of ineffectiveSettings(config)) log.warn({}, problem)
  stack.defer(watchOpenFiles(warnings, clock))
  const drainTimer = new DrainTimer(clock, config.drainTimeoutMs)
  return { config, clock, log, sockets, warnings, drainTimer, startedAt, stack }
}
