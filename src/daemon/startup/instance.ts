import { statSync } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import type { Config } from '../../config/config.ts'
import { DrainTimer } from '../../runtime/drain-timer.ts'
import { lockInstance } from '../../runtime/instance-lock.ts'
import { createLogBuffer, type LogBuffer } from '../../runtime/log-buffer.ts'
import { socketPaths, type SocketPaths } from '../../runtime/socket-paths.ts'
import { watchHost } from '../../runtime/alarms/host-alarms.ts'
import { createAlarmWebhook } from '../../runtime/alarms/webhook.ts'
import { VERSION } from '../../runtime/version.ts'
import { createWarnings, watchOpenFiles, type Warnings } from '../../runtime/alarms/warnings.ts'
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
  warnOfOpenFolder(sockets.folder, log)
  if (process.pid === 1) log.warn({}, ORPHANS_STAY)
  const warnings = openWarnings(config, clock, log, stack)
  const drainTimer = new DrainTimer(clock, config.drainTimeoutMs)
  return { config, clock, log, sockets, warnings, drainTimer, startedAt, stack }
}

/** The alarms of this host, which a webhook gets where the operator names one. */
function openWarnings(config: Config, clock: Clock, log: LogBuffer, stack: AsyncDisposableStack): Warnings {
  const { alarmWebhook: url, alarmSecret: secret, dataDir, tls } = config
  const webhook =
    url === undefined
      ? undefined
      : createAlarmWebhook({ target: { url, secret }, clock, log, version: VERSION })
  stack.defer(() => webhook?.close())
  const warnings = createWarnings({ clock, log, onChange: webhook?.send })
  stack.defer(watchOpenFiles(warnings, clock))
  stack.defer(watchHost({ warnings, clock, dataDir, certPath: tls?.certPath }))
  return warnings
}

/** Node waits for its own children only, so nothing collects the orphans that a system hands to process 1. */
const ORPHANS_STAY =
  'this is process 1, which does not collect the ended processes of others, such as what an MCP server leaves behind: start the container with an init (docker run --init, or “init: true” in a compose file)'

const OTHERS_MAY_WRITE = 0o002

/** The rights of the socket folder are the operator's to set; these let others replace the sockets. */
function warnOfOpenFolder(folder: string, log: DaemonLog): void {
  if ((statSync(folder).mode & OTHERS_MAY_WRITE) === 0) return
  log.warn({ folder }, 'every user of this machine may replace the sockets in this folder: chmod o-w it')
}
