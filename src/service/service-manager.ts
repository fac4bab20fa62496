import type { ServiceDefinition } from './service-definition.ts'

/** How a service stands, as its manager sees it. */
export interface ServiceStatus {
  /** `waiting`: the daemon ended and is started again after a pause. */
  readonly state: 'running' | 'waiting' | 'stopped'
  /** Process id of the daemon, when it runs. */
  readonly pid?: number | undefined
  /** Starts of the daemon that followed an end that was not asked for. */
  readonly restarts?: number | undefined
  /** How the daemon ended last time: `exit code 1`, `SIGKILL`. */
  readonly lastExit?: string | undefined
}

/** A program that starts the daemon, starts it again when it ends, and keeps its log. */
export interface ServiceManager {
  /** The name that `service status` shows. */
  readonly name: 'systemd' | 'builtin'
  /** Makes the service known; it does not start. Returns what the operator should know. */
  install(definition: ServiceDefinition): Promise<readonly string[]>
  /** Stops the service and removes whatever `install` made. */
  uninstall(): Promise<void>
  /** Starts the service. Does nothing when it runs. */
  start(): Promise<void>
  /** Stops the service, after open requests have finished. Does nothing when it does not run. */
  stop(): Promise<void>
  restart(): Promise<void>
  status(): Promise<ServiceStatus>
  /** The command line that shows the log, or follows it. */
  logCommand(lines: number, follow: boolean): readonly [string, ...string[]]
}
