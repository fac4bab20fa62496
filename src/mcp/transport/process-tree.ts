import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { randomLetters } from '../../base/ids.ts'
import type { Clock } from '../../base/clock.ts'
import { inheritedVariables } from './inherited-variables.ts'

/** How long a program may take to exit after its input was closed, and again after SIGTERM. */
const GRACE_MS = 1000
/** Every process of a tree inherits this variable, so that one which left the process group is still found. */
const TREE_VARIABLE = 'HERO_AIBROKER_TREE'

export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

/** A program and all processes that it starts. */
export interface ProcessTree {
  readonly child: ChildProcess & { stdin: NodeJS.WritableStream }
  /** Closes the program's input, then sends SIGTERM, then SIGKILL; resolves when no process of the tree is left. */
  end(): Promise<void>
}

/** Starts a program without a shell, in a process group of its own, with a scrubbed environment. */
export function startProcessTree(program: Program, clock: Clock): ProcessTree {
  const mark = randomLetters(20)
  const child = spawn(program.command, [...program.args], {
    env: { ...inheritedVariables(process.env), ...program.env, [TREE_VARIABLE]: mark },
    cwd: program.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    shell: false,
    detached: true,
    windowsHide: true,
  })
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  let ending: Promise<void> | undefined
  const end = async (): Promise<void> => {
    child.stdin.end()
    await Promise.race([exited, wait(clock)])
    signalGroup(child, 'SIGTERM')
    if (isRunning(child)) await Promise.race([exited, wait(clock)])
    signalGroup(child, 'SIGKILL')
    await killMarked(mark)
    if (child.pid !== undefined) await exited
    for (const pipe of child.stdio) pipe?.destroy()
  }
  return { child, end: () => (ending ??= end()) }
}

function wait(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(GRACE_MS, resolve))
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // The group is empty, or (on systems without groups) only the child can be reached.
    if (isRunning(child)) child.kill(signal)
  }
}

/** Where there is a /proc, kills the processes that started a session of their own to outlive their parent. */
async function killMarked(mark: string): Promise<void> {
  const entries = await readdir('/proc').catch(() => [])
  await Promise.all(
    entries.map(async (entry) => {
      if (!/^\d+$/.test(entry)) return
      const environment = await readFile(`/proc/${entry}/environ`, 'latin1').catch(() => '')
      if (!environment.split('\0').includes(`${TREE_VARIABLE}=${mark}`)) return
      try {
        process.kill(Number(entry), 'SIGKILL')
      } catch {
        // The process exited between the check and the signal.
      }
    }),
  )
}
