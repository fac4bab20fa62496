// A file that names the process of a managed server. It outlives the broker, so that after a `kill -9` the next broker
// can find the process that was left running and end it.
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { z } from 'zod'
import { type Clock, wait } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { readRegularFile } from '../../files/read-file.ts'

const processIdentity = z.object({ pid: z.int().min(2), identity: z.string() })
type ProcessIdentity = z.infer<typeof processIdentity>
const recordSchema = processIdentity.extend({ owner: processIdentity })

/** A killed process is gone at once, unless the kernel is still freeing its memory. */
const KILL_MS = 5000
const POLL_MS = 20
const MAX_RECORD_BYTES = 64 * 1024

/** The text of the record, or `undefined` on a system where processes can't be identified reliably (no `/proc`). */
export function createRecord(pid: number): string | undefined {
  const identity = identityOf(pid)
  const owner = identityOf(process.pid)
  if (identity === undefined || owner === undefined) return undefined
  return JSON.stringify({ pid, identity, owner: { pid: process.pid, identity: owner } })
}

/** Ends the process that the record names, if it still runs and its broker doesn't. Throws `internal` if its broker still runs. */
export async function endOrphan(recordPath: string, graceMs: number, clock: Clock): Promise<void> {
  const record = readRecord(recordPath)
  if (record !== undefined && isRunning(record)) {
    if (isRunning(record.owner))
      throw new BrokerError(
        'internal',
        `process ${record.owner.pid} runs this server already (${recordPath})`,
      )
    signalGroup(record.pid, 'SIGTERM')
    await waitUntilGone(record, graceMs, clock)
    signalGroup(record.pid, 'SIGKILL')
    await waitUntilGone(record, KILL_MS, clock)
  }
  await rm(recordPath, { force: true })
}

/** Sends a signal to a whole process group; false when there is no such group. */
export function signalGroup(leader: number, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    return process.kill(-leader, signal)
  } catch {
    return false
  }
}

async function waitUntilGone(process: ProcessIdentity, maxMs: number, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + maxMs
  while (isRunning(process) && clock.monotonic() < deadline) await wait(clock, POLL_MS)
}

function readRecord(path: string): z.infer<typeof recordSchema> | undefined {
  try {
    return recordSchema.parse(JSON.parse(readRegularFile(path, MAX_RECORD_BYTES)))
  } catch {
    return undefined
  }
}

function isRunning({ pid, identity }: ProcessIdentity): boolean {
  return identityOf(pid) === identity
}

/**
 * Boot and start time: with the pid they identify a process uniquely. Unlike the command line they stay the same when a
 * wrapper script replaces itself with the server by `exec`. `undefined` for a process that is gone or a zombie.
 */
function identityOf(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc_pid_stat(5): the name in parentheses may hold anything; after it come state (field 3), the number of threads
    // (20) and the start time (22). A leader that is dead keeps the files open until its last thread is.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const isOver = /^[ZX]$/.test(fields[0] ?? '') && Number(fields[17]) <= 1
    return isOver ? undefined : `${boot}/${fields[19]}`
  } catch {
    return undefined
  }
}
