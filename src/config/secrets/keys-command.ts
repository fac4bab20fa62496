import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseEnv } from 'node:util'

import { BrokerError } from '../../base/errors.ts'
import type { Environment } from '../settings.ts'

const NAME = 'AIBROKER_KEYS_COMMAND'
const TIMEOUT_MS = 10_000
const MAX_BYTES = 256 * 1024
const SHELL = '/bin/sh'

/**
 * Runs the operator's command for secrets and returns the variables that it prints, in the form of `.env`; blocks until it has
 * ended, at most ten seconds. Throws `bad-request` when it fails. Its output is never shown: it may hold secrets.
 */
export function runKeysCommandNow(command: string, env: Environment): Environment {
  try {
    const options = { env, timeout: TIMEOUT_MS, maxBuffer: MAX_BYTES, encoding: 'utf8' } as const
    return parseEnv(execFileSync(SHELL, ['-c', command], { ...options, stdio: ['ignore', 'pipe', 'ignore'] }))
  } catch (error) {
    throw failed(endOf(error))
  }
}

/** The same while requests go on. */
export async function runKeysCommand(command: string, env: Environment): Promise<Environment> {
  // A group of its own, so that what it has started ends with it.
  const child = spawn(SHELL, ['-c', command], { env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'close').catch((error: unknown) => [endOf(error), null])
  const timer = setTimeout(() => killGroup(child.pid), TIMEOUT_MS)
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    if (text.length > MAX_BYTES) killGroup(child.pid)
  })
  const [code, signal] = (await ended) as [number | string | null, NodeJS.Signals | null]
  clearTimeout(timer)
  if (code === 0) return parseEnv(text)
  throw failed(signal === 'SIGKILL' ? undefined : `exit code ${code}`)
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

function endOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('status' in error && typeof error.status === 'number') return `exit code ${error.status}`
  return 'code' in error && error.code === 'ENOENT' ? `${SHELL} does not exist` : undefined
}

function failed(end: string | undefined): BrokerError {
  const limits = `it did not end within ${TIMEOUT_MS / 1000} s, or printed more than ${MAX_BYTES / 1024} KiB`
  return new BrokerError(
    'bad-request',
    `${NAME} failed (${end ?? limits}): run it to see why; it should print lines such as OPENAI_API_KEY=…`,
  )
}
