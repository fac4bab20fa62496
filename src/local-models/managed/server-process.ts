import { execFile, spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { type Clock, wait } from '../../base/clock.ts'
import { createLineBuffer } from './line-buffer.ts'
import { signalGroup, createRecord } from './process-record.ts'

export interface ServerProcessOptions {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly recordPath: string
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number
  readonly clock: Clock
  readonly onLine: (stream: 'stdout' | 'stderr', line: string) => void
}

/** One run of a server, with its child processes. */
export interface ServerProcess {
  readonly pid: number | undefined
  /** Resolves to a description of its end, once none of its processes runs any more. Never rejects. */
  readonly ended: Promise<string>
  hasEnded(): boolean
  /** The last lines of its output, for error messages. */
  lastLines(): string
  /** Sends SIGTERM to the whole group, and SIGKILL after `graceMs`. Resolves when it has ended. */
  stop(): Promise<void>
}

const KEPT_LINES = 100
const LINES_IN_ERRORS = 12
/** How long to wait for the last output after the exit: a process that left the group may keep the pipes open. */
const OUTPUT_DRAIN_MS = 200

/** Starts a server in a process group of its own, so that its child processes can be ended with it. */
export async function startProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { command, env, recordPath, graceMs, clock, onLine } = options
  const [program = '', ...args] = [...(await parentDeathPrefix()), ...command]
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...env } })
  const { pid } = child
  const record = pid === undefined ? undefined : createRecord(pid)
  if (record !== undefined) writeFileSync(recordPath, record, { mode: 0o600 })

  const kill = (signal: 'SIGTERM' | 'SIGKILL') => pid !== undefined && signalGroup(pid, signal)
  const killNow = () => kill('SIGKILL')
  process.once('exit', killNow)

  const errors = createLineBuffer(KEPT_LINES, (line) => onLine('stderr', line))
  const output = createLineBuffer(KEPT_LINES, (line) => onLine('stdout', line))
  child.stderr.setEncoding('utf8').on('data', (piece: string) => errors.feed(piece))
  child.stdout.setEncoding('utf8').on('data', (piece: string) => output.feed(piece))

  let hasExited = false
  const ended = new Promise<string>((resolve) => {
    const closed = new Promise<void>((onClose) => child.once('close', () => onClose()))
    child.once('error', (error) => finish(`could not be started: ${error.message}`))
    child.once('exit', (code, signal) => {
      hasExited = true
      killNow()
      const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
      void Promise.race([closed, wait(clock, OUTPUT_DRAIN_MS)]).then(() => finish(how))
    })
    const finish = (how: string) => {
      hasExited = true
      process.off('exit', killNow)
      child.stdout.destroy()
      child.stderr.destroy()
      if (record !== undefined) rmSync(recordPath, { force: true })
      resolve(how)
    }
  })

  return {
    pid,
    ended,
    hasEnded: () => hasExited,
    lastLines: () => errors.last(LINES_IN_ERRORS) || output.last(LINES_IN_ERRORS),
    async stop() {
      if (!hasExited) kill('SIGTERM')
      const cancel = clock.after(graceMs, killNow)
      await ended
      cancel()
    },
  }
}

/**
 * A prefix for commands that makes Linux end them with the broker, even when the broker is killed and cannot clean up.
 * Empty where util-linux's `setpriv` is missing; there the next broker ends the process by its record.
 */
function parentDeathPrefix(): Promise<readonly string[]> {
  const prefix = ['setpriv', '--pdeathsig', 'TERM', '--']
  return new Promise((resolve) => {
    execFile('setpriv', [...prefix.slice(1), 'true'], (error) => resolve(error === null ? prefix : []))
  })
}
