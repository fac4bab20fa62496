/** What is told of servers and calls; pino fits. */
export interface ToolLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  debug?(details: object, message: string): void
}
