import type { Clock } from '../base/clock.ts'
import type { AdminServices } from '../inference/services/services.ts'
import type { Config, Flags } from '../config/config.ts'
import type { Warnings } from '../runtime/alarms/warnings.ts'
import type { SocketPaths } from '../runtime/socket-paths.ts'
import { refuseOpenTcp, type TcpAddress } from './listeners/listeners.ts'
import type { DaemonLog } from './log.ts'
import { openAccounting } from './startup/accounting.ts'
import { openInstance } from './startup/instance.ts'
import { reloadConfiguration, startListeners, type BuiltDaemon } from './startup/listeners.ts'
import { openProviders } from './startup/providers.ts'
import { buildServices } from './startup/services.ts'
import { openStorage } from './startup/storage.ts'
import { WorkerBroadcast } from './workers/primary/worker-broadcast.ts'

export interface Daemon {
  readonly services: AdminServices
  readonly sockets: SocketPaths
  readonly tcp: TcpAddress | undefined
  readonly modelsPath: string
  /** Problems that only an operator can fix. */
  readonly warnings: Warnings
  /** Reads the configuration files again; what is wrong with them is logged. */
  reload(): Promise<void>
  /** Ends open requests during `close` at once, with an error. */
  hurry(): void
  /** Lets open requests finish within the drain timeout, writes everything to disk, and removes the sockets. */
  close(): Promise<void>
}

/**
 * Builds the daemon in five steps, from the lowest layer up; `close` takes them down in reverse. Throws `cannot-start` or
 * `bad-request`, after closing what was open.
 */
export async function startDaemon(
  config: Config,
  clock: Clock,
  outerLog: DaemonLog,
  flags: Flags = {},
): Promise<Daemon> {
  refuseOpenTcp(config)
  await using stack = new AsyncDisposableStack()
  const instance = await openInstance(config, clock, outerLog, stack)
  const broadcast = new WorkerBroadcast()
  const storage = openStorage(instance)
  const accounting = openAccounting(instance, storage)
  const providers = await openProviders(instance, storage, broadcast)
  const services = await buildServices(instance, storage, accounting, providers, broadcast)
  const built = { instance, broadcast, storage, accounting, providers, services }
  const tcp = await startListeners(built, flags)
  const open = stack.move()
  return {
    services: services.admin,
    sockets: instance.sockets,
    tcp,
    modelsPath: config.modelsConfigPath,
    warnings: instance.warnings,
    reload: () => reloadAndLog(built),
    hurry: () => instance.drainTimer.hurry(),
    close: () => open.disposeAsync(),
  }
}

async function reloadAndLog(built: BuiltDaemon): Promise<void> {
  const { log } = built.instance
  try {
    const pending = await reloadConfiguration(built)
    log.info({}, 'the configuration was read again')
    if (pending.length > 0) log.warn({ variables: pending }, 'these variables take effect at the next start')
  } catch (error) {
    log.warn({ err: error }, 'the configuration is invalid, the last valid one stays in use')
  }
}
