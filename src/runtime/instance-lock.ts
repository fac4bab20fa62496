import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BrokerError } from '../base/errors.ts'
import { readRegularFile } from '../files/read-file.ts'
import { lockFile, type FileLock } from '../store/file-lock.ts'

/** Retries while a holder that has just started writes its pid, or one that is dying exits. */
const TRIES = 50
const PAUSE_MS = 10
const MAX_PID_FILE_BYTES = 64

/** Held while this process is the only daemon of its socket folder. */
export interface InstanceLock {
  release(): void
}

/**
 * Makes this process the only daemon of `folder` (created if absent). Of two that start at the same instant only one gets the
 * lock, and the lock of a killed daemon is free. Throws `cannot-start` with the pid of the other daemon.
 */
export async function lockInstance(folder: string): Promise<InstanceLock> {
  const pidFile = join(folder, '.pid')
  for (let tries = 0; tries < TRIES; tries++) {
    const lock = tryLock(folder)
    if (lock !== undefined) return writePid(lock, pidFile)
    const pid = readPid(pidFile)
    if (pid !== undefined && isAlive(pid)) throw alreadyRunning(folder, `pid ${pid}`)
    await delay(PAUSE_MS)
  }
  throw alreadyRunning(folder, 'pid unknown')
}

function tryLock(folder: string): FileLock | undefined {
  const path = join(folder, '.lock')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return lockFile(path)
  } catch (error) {
    const message = `cannot lock ${path}: ${String(error)}; fix the permissions there, or set HERO_SOCKET_DIR to another folder`
    throw new BrokerError('cannot-start', message, { cause: error })
  }
}

function writePid(lock: FileLock, pidFile: string): InstanceLock {
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 })
  return {
    release() {
      rmSync(pidFile, { force: true })
      lock.release()
    },
  }
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number(readRegularFile(pidFile, MAX_PID_FILE_BYTES).trim())
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function alreadyRunning(folder: string, who: string): BrokerError {
  return new BrokerError(
    'cannot-start',
    `another hero_aibroker (${who}) already serves ${folder}; stop it first, or set HERO_SOCKET_DIR to another folder`,
  )
}
