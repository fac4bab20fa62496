import { z } from 'zod'

import { sumUsd } from '../../shared/cost.ts'
import { ToolFailure } from '../../shared/tool-failure.ts'
import { chooseServices } from './choose-services.ts'
import type { HeroCaller } from '../caller.ts'
import type { HeroRuntime } from '../hero-runtime.ts'
import type { KnownService } from '../services/service-registry.ts'
import { usableInterface } from '../services/service-policy.ts'
import { openRelay } from '../sandbox/relay.ts'
import type { RelayedCall } from '../sandbox/relay.ts'
import { createRunFolder, runInSandbox } from '../sandbox/sandbox.ts'
import type { RunResult } from '../sandbox/sandbox.ts'
import { serviceName } from '../service-tools.ts'
import { writeProgram } from './write-program.ts'
import type { FailedProgram, WrittenProgram } from './write-program.ts'

/** The outcome of running programs until one succeeds, for `generate_code` and `execute_code`. */
export interface ProgramOutcome {
  readonly code: string
  readonly result: RunResult
  readonly calls: readonly RelayedCall[]
  readonly attempts: readonly { readonly code: string; readonly error?: string | undefined }[]
  readonly writing: z.input<typeof writingShape>
}

export const intent = z
  .string()
  .trim()
  .min(3)
  .max(4000)
  .describe('What the program should find out or do, in words.')
export const services = z
  .array(serviceName)
  .min(1)
  .max(20)
  .optional()
  .describe('Services the program may use; without it they are chosen by the intent.')
export const tries = z
  .int()
  .min(1)
  .max(10)
  .optional()
  .describe("Maximum number of programs to try; the operator's limit applies.")

export const writingShape = z.object({
  model: z.string().optional().describe('The model that wrote it.'),
  costUsd: z.number().optional().describe('What the writing cost, as far as the broker reports it.'),
})

/** The services of these names, or those chosen by the intent. Throws `not_found` if there are none. */
export async function servicesFor(
  runtime: HeroRuntime,
  names: readonly string[] | undefined,
  intent: string,
  caller: HeroCaller,
  signal: AbortSignal,
) {
  if (names !== undefined)
    return Promise.all([...new Set(names)].map((name) => runtime.registry.find(name, caller.key, signal)))
  const { known } = await runtime.registry.discover(caller.key, signal)
  if (known.length === 0) {
    throw new ToolFailure('not_found', `no service in ${runtime.settings.socketFolder} describes itself`, {
      next: 'Tell the user: no services are running, or PATH_SOCKETS points elsewhere.',
    })
  }
  return chooseServices(intent, known)
}

/** What a program may use, and in whose name it runs. */
interface Scope {
  readonly known: readonly KnownService[]
  readonly caller: HeroCaller
}

interface Task extends Scope {
  readonly intent: string
  readonly tries?: number | undefined
  readonly isCheckOnly: boolean
}

/** Has programs written and run until one succeeds or the attempts are used up. */
export async function writeAndRun(
  runtime: HeroRuntime,
  task: Task,
  signal: AbortSignal,
): Promise<ProgramOutcome> {
  const maxAttempts = Math.min(task.tries ?? runtime.settings.tries, runtime.settings.tries)
  const attempts: ProgramOutcome['attempts'][number][] = []
  const written: WrittenProgram[] = []
  const interfaces = task.known.map((known) => usableInterface(known, runtime.settings.methods))
  // Before a program is written, which costs money: nothing can be run where there is no sandbox.
  const sandbox = await runtime.sandboxFacts(signal)
  let failed: FailedProgram | undefined
  for (;;) {
    const request = { intent: task.intent, interfaces, sandbox, failed, caller: task.caller }
    const program = await writeProgram(request, runtime.settings, new Date(runtime.clock.now()), signal)
    written.push(program)
    const { code } = program
    const ran = await run(runtime, { ...task, code }, signal)
    const error = ran.result.ending === 'finished' ? undefined : errorOf(ran.result, runtime)
    attempts.push({ code, error })
    if (error === undefined || attempts.length >= maxAttempts)
      return { code, ...ran, attempts, writing: writingOf(written) }
    failed = { code, error }
  }
}

/** Runs a program of the caller once. */
export async function runProgram(
  runtime: HeroRuntime,
  { code, known, caller }: Scope & { readonly code: string },
  signal: AbortSignal,
): Promise<ProgramOutcome> {
  const ran = await run(runtime, { code, known, caller, isCheckOnly: false }, signal)
  const error = ran.result.ending === 'finished' ? undefined : errorOf(ran.result, runtime)
  return { code, ...ran, attempts: [{ code, error }], writing: {} }
}

async function run(
  runtime: HeroRuntime,
  { code, known, caller, isCheckOnly }: Scope & { readonly code: string; readonly isCheckOnly: boolean },
  signal: AbortSignal,
): Promise<{ result: RunResult; calls: readonly RelayedCall[] }> {
  using folder = createRunFolder()
  const reachable = { services: isCheckOnly ? [] : known, caller }
  await using relay = await openRelay(folder.sockets, reachable, runtime.settings, signal)
  const clients = Object.fromEntries(known.map(({ module, client }) => [module, client]))
  const job = { modules: { ...clients, 'main.py': code }, checkOnly: isCheckOnly }
  return { result: await runInSandbox(job, folder, runtime.settings, signal), calls: relay.calls }
}

function errorOf({ ending, stderr, exitCode }: RunResult, { settings }: HeroRuntime): string {
  const { seconds, cpuSeconds, outputBytes } = settings.limits
  const errorText = stderr.trim() === '' ? `it ended with status ${exitCode ?? 'unknown'}` : stderr.trim()
  const words = {
    finished: errorText,
    failed: errorText,
    time: `it was stopped after ${seconds} seconds`,
    'processor time': `it was stopped after ${cpuSeconds} seconds of processor time`,
    output: `it was stopped for printing more than ${outputBytes} bytes`,
  }
  return words[ending]
}

function writingOf(written: readonly WrittenProgram[]): z.input<typeof writingShape> {
  return { model: written.at(-1)?.model, costUsd: sumUsd(written.map(({ costUsd }) => costUsd)) }
}
