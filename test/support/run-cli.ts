import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

import { runCli } from '../../src/cli/program.ts'
import type { Cli } from '../../src/cli/cli.ts'

export interface CliRun {
  readonly exit: number | null
  readonly out: string
  readonly err: string
}

export interface CliOptions {
  /** The content of its standard input. */
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
}

/** Runs a command line in this process, over streams that are not a terminal. */
export async function runInProcess(
  argv: readonly string[],
  { input = '', environment = {} }: CliOptions = {},
): Promise<CliRun> {
  const [output, errors] = [new PassThrough(), new PassThrough()]
  const exit = await runCli(argv, {
    terminal: plainTerminal(Readable.from(input === '' ? [] : [Buffer.from(input)]), output, errors),
    environment: { HOME: '/nowhere', ...environment },
    version: '0.0.0',
    now: () => Date.UTC(2026, 0, 15),
  })
  return { exit, out: textOf(output), err: textOf(errors) }
}

/** Streams that report no terminal, as those of a piped process do. */
function plainTerminal(input: Readable, output: PassThrough, errors: PassThrough): Cli['terminal'] {
  const terminal = { input, output, errors }
  for (const stream of Object.values(terminal)) Object.assign(stream, { isTTY: false })
  return terminal as unknown as Cli['terminal']
}

/** Everything written so far. Newer versions of Node return one piece per `read`. */
function textOf(stream: PassThrough): string {
  const pieces: Buffer[] = []
  for (;;) {
    const piece = stream.read() as Buffer | null
    if (piece === null) return Buffer.concat(pieces).toString()
    pieces.push(piece)
  }
}

export const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface ProcessOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** Called with the process once it has started. */
  readonly during?: (child: ChildProcess) => void
  /** The folder that it works in; that of the tests by default. */
  readonly cwd?: string
}

/** Runs a process whose environment has Node and our program, and no other variables of this machine. */
export async function runProcess(
  command: string,
  argv: readonly string[],
  { environment, during, cwd }: ProcessOptions = {},
): Promise<CliRun> {
  const env = {
    PATH: process.env['PATH'],
    HOME: '/nowhere',
    TZ: 'UTC',
    NODE: process.execPath,
    MAIN,
    ...environment,
  }
  const child = spawn(command, argv, { env, cwd })
  child.stdin.end()
  const [out, err] = [child.stdout.setEncoding('utf8').toArray(), child.stderr.setEncoding('utf8').toArray()]
  during?.(child)
  const [exit] = (await once(child, 'close')) as [number | null]
  return { exit, out: (await out).join(''), err: (await err).join('') }
}
