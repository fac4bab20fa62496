import { spawn } from 'node:child_process'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../contenders/contender.ts'

export interface Child {
  readonly pid: number
  /** The end of its error output. */
  stderrTail(): string
  hasExited(): boolean
  /** Sends SIGTERM, and SIGKILL after five seconds. */
  stop(): Promise<void>
}

const STDERR_TAIL_LENGTH = 2_000
const KILL_AFTER_MS = 5_000
const START_TIMEOUT_MS = 20_000

/** Starts a program that is killed when this process exits. */
export function startChild(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Child {
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (part: Buffer) => (stderr = (stderr + part.toString()).slice(-STDERR_TAIL_LENGTH)))
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', (error) => {
      stderr += error.message
      resolve()
    })
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  return {
    pid: child.pid ?? 0,
    stderrTail: () => stderr.trim(),
    hasExited: () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined,
    async stop() {
      child.kill('SIGTERM')
      const killTimer = setTimeout(kill, KILL_AFTER_MS)
      await exited
      clearTimeout(killTimer)
      process.off('exit', kill)
    },
  }
}

/** Resolves as soon as a GET of `path` returns 200; rejects with the child's error output when it exits before or needs more than 20 s. */
export async function waitUntilReady(target: Target, path: string, child: Child): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (!(await isReady(target, path))) {
    const died = child.hasExited()
    if (died || performance.now() > deadline) {
      await child.stop()
      throw new Error(`${died ? 'died while starting' : 'did not start in time'}: ${child.stderrTail()}`)
    }
    await sleep(5)
  }
}

function isReady(target: Target, path: string): Promise<boolean> {
  const where = 'port' in target ? { host: '127.0.0.1', port: target.port } : target
  return new Promise((resolve) => {
    request({ ...where, path, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
      .once('error', () => resolve(false))
      .end()
  })
}
