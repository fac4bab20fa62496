import { z } from 'zod'

import { sumUsd } from '../../shared/cost.ts'
import { ToolFailure } from '../../shared/tool-failure.ts'
import { chooseServices } from './choose-services.ts'
import type { HeroRoom } from '../hero-runtime.ts'
import type { KnownService } from '../services/service-registry.ts'
import { usableInterface } from '../services/service-policy.ts'
import { openRelay } from '../sandbox/relay.ts'
import type { RelayedCall } from '../sandbox/relay.ts'
import { createRunFolder, runInSandbox } from '../sandbox/sandbox.ts'
import type { RunResult } from '../sandbox/sandbox.ts'
import { serviceName } from '../service-tools.ts'
import { writeProgram } from './write-program.ts'
import type { FailedProgram, Written } from './write-program.ts'

/** The outcome of running programs until one succeeds, for `generate_code` and `execute_code`. */
export interface Done {
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
  room: HeroRoom,
  names: readonly string[] | undefined,
  intent: string,
  signal: AbortSignal,
) {
  if (names !== undefined)
    return Promise.all([...new Set(names)].map((name) => room.library.find(name, signal)))
  const { known } = await room.library.look(signal)
  if (known.length === 0) {
    throw new ToolFailure('not_found', `no service in ${room.settings.socketFolder} describes itself`, {
      next: 'Tell the user: no services are running, or PATH_SOCKETS points elsewhere.',
    })
  }
  return chooseServices(intent, known)
}

interface Task {
  readonly intent: string
  readonly tries?: number | undefined
  readonly known: readonly KnownService[]
  readonly isCheckOnly: boolean
}

/** Has programs written and run until one succeeds or the attempts are used up. */
export async function writeUntil(room: HeroRoom, task: Task, signal: AbortSignal): Promise<Done> {
  const most = Math.min(task.tries ?? room.settings.tries, room.settings.tries)
  const attempts: Done['attempts'][number][] = []
  const written: Written[] = []
  const interfaces = task.known.map((known) => usableInterface(known, room.settings.methods))
  let failed: FailedProgram | undefined
  for (;;) {
    const wish = { intent: task.intent, interfaces, failed }
    const program = await writeProgram(wish, room.settings, new Date(room.clock.now()), signal)
    written.push(program)
    const { code } = program
    const ran = await run(room, code, task.known, task.isCheckOnly, signal)
    const error = ran.result.ending === 'finished' ? undefined : errorOf(ran.result, room)
    attempts.push({ code, error })
    if (error === undefined || attempts.length >= most)
      return { code, ...ran, attempts, writing: writingOf(written) }
    failed = { code, error }
  }
}

/** Runs a program of the caller once. */
export async function runGiven(
  room: HeroRoom,
  code: string,
  known: readonly KnownService[],
  signal: AbortSignal,
): Promise<Done> {
  const ran = await run(room, code, known, false, signal)
  const error = ran.result.ending === 'finished' ? undefined : errorOf(ran.result, room)
  return { code, ...ran, attempts: [{ code, error }], writing: {} }
}

async function run(
  room: HeroRoom,
  code: string,
  known: readonly KnownService[],
  checkOnly: boolean,
  signal: AbortSignal,
): Promise<{ result: RunResult; calls: readonly RelayedCall[] }> {
  using folder = createRunFolder()
  await using relay = await openRelay(folder.sockets, checkOnly ? [] : known, room.settings, signal)
  const clients = Object.fromEntries(known.map(({ module, client }) => [module, client]))
  const job = { modules: { ...clients, 'main.py': code }, checkOnly }
  return { result: await runInSandbox(job, folder, room.settings, signal), calls: relay.calls }
}

function errorOf({ ending, stderr, exitCode }: RunResult, { settings }: HeroRoom): string {
  const { seconds, cpuSeconds, outputBytes } = settings.limits
  const said = stderr.trim() === '' ? `it ended with status ${exitCode ?? 'unknown'}` : stderr.trim()
  const words = {
    finished: said,
    failed: said,
    time: `it was stopped after ${seconds} seconds`,
    'processor time': `it was stopped after ${cpuSeconds} seconds of processor time`,
    output: `it was stopped for printing more than ${outputBytes} bytes`,
  }
  return words[ending]
}

function writingOf(written: readonly Written[]): z.input<typeof writingShape> {
  return { model: written.at(-1)?.model, costUsd: sumUsd(written.map(({ costUsd }) => costUsd)) }
}
