import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ToolFailure } from '../../shared/tool-failure.ts'
import { GUARD } from './guard.ts'
import { isolationOf, notIsolated, readReport } from './isolation.ts'
import type { GuardReport, IsolationReport } from './isolation.ts'
import type { HeroSettings, Isolation, Limits } from '../settings.ts'

export interface RunResult {
  readonly ending: 'finished' | 'failed' | 'time' | 'processor time' | 'output'
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
  readonly durationMs: number
  readonly isolation: IsolationReport
}

export interface Job {
  /** File name → source; `main.py` is run. */
  readonly modules: Readonly<Record<string, string>>
  /** Only compile the code, to check its syntax. */
  readonly checkOnly: boolean
}

/** The folder of one run: the code sees `sockets`; `work` is its scratch folder where there are no namespaces. */
export interface RunFolder extends Disposable {
  readonly path: string
  readonly sockets: string
}

export function createRunFolder(): RunFolder {
  // The path is short, because the path of a socket has at most 107 bytes.
  const path = mkdtempSync(join(tmpdir(), 'mh-'))
  for (const name of ['root', 'sockets', 'work']) mkdirSync(join(path, name), { mode: 0o700 })
  return {
    path,
    sockets: join(path, 'sockets'),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

const SIGXCPU_EXIT = 128 + 24
/** The layers that each level requires; without them nothing is run. */
const REQUIRED: Readonly<Record<Isolation, readonly string[]>> = {
  namespaces: ['namespaces', 'limits', 'no capabilities', 'system call filter'],
  filters: ['limits', 'no capabilities', 'landlock', 'system call filter'],
}

/**
 * Runs a job in the best isolation that the kernel provides, at least the one that the operator requires. Throws
 * `disabled` if it is not available and `cancelled` if the caller disconnects; how the code itself ends is in the result.
 */
export async function runInSandbox(
  job: Job,
  folder: RunFolder,
  settings: Pick<HeroSettings, 'python' | 'isolation' | 'limits'>,
  signal: AbortSignal,
): Promise<RunResult> {
  const best = await runAtLevel('namespaces', job, folder, settings, signal)
  if (best.report.refused.length === 0) return presented(best, 'namespaces')
  if (settings.isolation === 'namespaces') throw notIsolated(best.report, 'namespaces')
  const next = await runAtLevel('filters', job, folder, settings, signal)
  if (next.report.refused.length > 0) throw notIsolated(next.report, 'filters')
  return presented(
    { ...next, report: { ...next.report, missing: [...best.report.missing, ...next.report.missing] } },
    'filters',
  )
}

type RunAttempt = Omit<RunResult, 'isolation'> & { readonly report: GuardReport }

async function runAtLevel(
  level: Isolation,
  job: Job,
  folder: RunFolder,
  { python, limits }: Pick<HeroSettings, 'python' | 'limits'>,
  signal: AbortSignal,
): Promise<RunAttempt> {
  if (signal.aborted) throw new ToolFailure('cancelled', 'the caller cancelled')
  const started = performance.now()
  // A process group of its own, an empty environment, isolated mode: the child inherits nothing from this process.
  const child = spawn(python, ['-I', '-S', '-B', '-X', 'utf8', '-c', GUARD], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: {},
    cwd: folder.path,
    detached: true,
  })
  const stop = { reason: undefined as RunResult['ending'] | 'cancelled' | undefined }
  const kill = (reason: NonNullable<typeof stop.reason>) => {
    stop.reason ??= reason
    killGroup(child)
  }
  const timer = setTimeout(() => kill('time'), limits.seconds * 1000)
  const onAbort = () => kill('cancelled')
  signal.addEventListener('abort', onAbort, { once: true })
  const stdout = collect(child.stdout, limits, () => kill('output'))
  const stderr = collect(child.stderr, limits, () => kill('output'))
  const report = collect(child.stdio[3] as Readable, limits, () => kill('output'))
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify(jobFor(level, job, folder, limits)))
  try {
    const code = await exitOf(child, python)
    if (stop.reason === 'cancelled') throw new ToolFailure('cancelled', 'the caller cancelled')
    const durationMs = Math.round(performance.now() - started)
    const ending = stop.reason ?? endingOf(code)
    return {
      ending,
      exitCode: code,
      stdout: stdout(),
      stderr: stderr(),
      durationMs,
      report: readReport(report(), stderr()),
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    killGroup(child)
  }
}

function jobFor(level: Isolation, job: Job, folder: RunFolder, limits: Limits): object {
  const { cpuSeconds, memoryBytes, scratchBytes } = limits
  return {
    ...job,
    namespaces: level === 'namespaces',
    required: REQUIRED[level],
    folder: folder.path,
    sockets: folder.sockets,
    limits: { cpuSeconds, memoryBytes, scratchBytes },
  }
}

async function exitOf(child: ChildProcess, python: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  child.once('error', (error) => {
    const reason = 'code' in error ? String(error.code) : error.message
    reject(
      new ToolFailure('disabled', `Python could not be started (${python}: ${reason}); set MCP_HERO_PYTHON`),
    )
  })
  child.once('close', (code, signal) => resolve(signal === 'SIGXCPU' ? SIGXCPU_EXIT : (code ?? undefined)))
  return promise
}

function endingOf(code: number | undefined): RunResult['ending'] {
  if (code === 0) return 'finished'
  return code === SIGXCPU_EXIT ? 'processor time' : 'failed'
}

/** Kills the whole group: the guard, the first process of the namespace and the code. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}

function collect(stream: Readable, { outputBytes }: Limits, onOverflow: () => void): () => string {
  const chunks: Buffer[] = []
  let length = 0
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    if (length <= outputBytes) chunks.push(chunk)
    length += chunk.length
    if (length > outputBytes) onOverflow()
  })
  return () => Buffer.concat(chunks).subarray(0, outputBytes).toString()
}

function presented({ report, ...result }: RunAttempt, level: Isolation): RunResult {
  return { ...result, isolation: isolationOf(report, level) }
}
