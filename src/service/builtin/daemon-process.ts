import { spawn, type ChildProcess } from 'node:child_process'
import type { Writable } from 'node:stream'

import type { ServiceDefinition } from '../service-definition.ts'

/** How a process ended: `exit code 1`, `SIGKILL`, or why it did not start. */
export type Ending = string

/** One run of the daemon. */
export interface DaemonProcess {
  readonly pid: number | undefined
  readonly ended: Promise<Ending>
  /** Asks the daemon to finish open requests and to end. */
  stop(): void
}

/**
 * Starts the daemon with its output in `log`. The channel between the two is never written to: the daemon ends when it
 * closes, so that no daemon outlives a supervisor that was killed.
 */
export function startProcess(definition: ServiceDefinition, log: Writable): DaemonProcess {
  const { program, args, environment } = definition
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  for (const stream of [child.stdout, child.stderr]) stream?.pipe(log, { end: false })
  return { pid: child.pid, ended: endingOf(child), stop: () => void child.kill('SIGTERM') }
}

function endingOf(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    // `close` rather than `exit`: all that it wrote is in the log by then.
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
}
