/** What lines of the log are told to; pino fits. */
export interface DaemonLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}
