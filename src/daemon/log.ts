/** The log that the daemon writes to; a pino logger fits. */
export interface DaemonLog {
  debug?(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}
