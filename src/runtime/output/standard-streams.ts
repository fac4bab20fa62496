import type { Log } from '../log-buffer.ts'

/** Libraries, and Node itself, may write to these streams; a full disk behind them must not end the program. */
export function ignoreStreamErrors(): void {
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
}

/** Node would print its warnings with a system call that blocks while a pipe is full. */
export function logWarningsOfNode(log: Pick<Log, 'warn'>): void {
  process.removeAllListeners('warning')
  process.on('warning', (warning) => log.warn({ err: warning }, 'a warning of Node'))
}
