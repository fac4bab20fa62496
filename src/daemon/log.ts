/** What lines of the log are told to; pino fits. */
export interface DaemonLog {
  debug?(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}
