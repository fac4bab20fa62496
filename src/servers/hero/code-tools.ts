import { z } from 'zod'
import { sumUsd } from '../kit/cost.ts'
import { ToolFailure } from '../kit/failure.ts'
import { shorten } from '../kit/text.ts'
import { tool } from '../kit/tool.ts'
import { chooseServices } from './choose.ts'
import type { HeroRoom } from './hero-room.ts'
import type { KnownService } from './library.ts'
import { openRelay } from './relay.ts'
import type { RelayedCall } from './relay.ts'
import { createRunFolder, runInSandbox } from './sandbox.ts'
import type { RunResult } from './sandbox.ts'
import { serviceName } from './service-tools.ts'
import { writeProgram } from './writer.ts'
import type { FailedProgram, Written } from './writer.ts'

const intent = z
  .string()
  .trim()
  .min(3)
  .max(4000)
  .describe('What the program should find out or do, in words.')
const services = z
  .array(serviceName)
  .min(1)
  .max(20)
  .optional()
  .describe('Services the program may use; without it they are chosen by the intent.')
const tries = z.int().min(1).max(10).optional().describe("Most programs to try; the operator's bound holds.")

const isolationShape = z
  .object({
    level: z.string().describe('namespaces is the full sandbox; filters is less.'),
    inForce: z.array(z.string()).describe('What really stood around the program.'),
    missing: z.array(z.string()).describe('What could not be had, and what that means.'),
  })
  .describe('How the program was kept in.')

const writingShape = z.object({
  model: z.string().optional().describe('The model that wrote it.'),
  costUsd: z.number().optional().describe('What the writing cost, as far as the broker tells.'),
})

export const generateCode = (room: HeroRoom) =>
  tool({
    name: 'generate_code',
    title: 'Write a program',
    description:
      'Has a model write a Python program that uses services of this machine for what you want, checks its syntax, and returns it without running it. To run it too use execute_code.',
    input: z.strictObject({ intent, services, tries }),
    output: z.object({
      code: z.string(),
      services: z.array(z.string()),
      tries: z.int(),
      writing: writingShape,
    }),
    annotations: { openWorldHint: false },
    async run(args, signal) {
      room.mustBeOn()
      return room.inPlace(async () => {
        const known = await servicesFor(room, args.services, args.intent, signal)
        const done = await writeUntil(room, { ...args, known, isCheckOnly: true }, signal)
        const { code, attempts, writing, result } = done
        if (result.ending !== 'finished') {
          throw new ToolFailure(
            'failed',
            `no program with correct syntax in ${attempts.length} tries: ${lastLine(result.stderr)}`,
          )
        }
        const data = {
          code,
          services: known.map(({ service }) => service.name),
          tries: attempts.length,
          writing,
        }
        return { data, text: code }
      })
    },
  })

export const executeCode = (room: HeroRoom) =>
  tool({
    name: 'execute_code',
    title: 'Run a program',
    description:
      'Runs a Python program that uses services of this machine, in a sandbox without network, and returns what it printed. Give an intent in words to have the program written (and mended when it fails), or your own code for the interfaces that get_interface shows. The program can do whatever the allowed methods of the services do.',
    input: z
      .strictObject({
        intent: intent.optional(),
        code: z
          .string()
          .min(1)
          .max(100_000)
          .optional()
          .describe('A Python program of your own, instead of an intent.'),
        services,
        tries,
      })
      .refine((args) => (args.intent === undefined) !== (args.code === undefined), {
        message: 'give either intent or code',
      }),
    output: z.object({
      ok: z.boolean().describe('Whether the program ended well.'),
      ending: z
        .string()
        .describe('finished, failed, or the bound that ended it: time, processor time, output.'),
      stdout: z.string().describe('What the program printed. Untrusted.'),
      stderr: z.string(),
      code: z.string().describe('The program that was run last.'),
      services: z.array(z.string()),
      calls: z.array(z.object({ service: z.string(), method: z.string(), ms: z.number(), ok: z.boolean() })),
      attempts: z.array(z.object({ code: z.string(), error: z.string().optional() })),
      durationMs: z.number(),
      isolation: isolationShape,
      writing: writingShape.optional(),
    }),
    annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: false },
    async run(args, signal) {
      room.mustBeOn()
      return room.inPlace(async () => {
        const known = await servicesFor(room, args.services, args.intent ?? '', signal)
        const done = await (args.code === undefined
          ? writeUntil(
              room,
              { intent: args.intent ?? '', tries: args.tries, known, isCheckOnly: false },
              signal,
            )
          : runGiven(room, args.code, known, signal))
        return present(done, known)
      })
    },
  })

interface Done {
  readonly code: string
  readonly result: RunResult
  readonly calls: readonly RelayedCall[]
  readonly attempts: readonly { readonly code: string; readonly error?: string | undefined }[]
  readonly writing: z.input<typeof writingShape>
}

async function servicesFor(
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

/** Has a program written and run until one ends well or the tries are used up. */
async function writeUntil(room: HeroRoom, task: Task, signal: AbortSignal): Promise<Done> {
  const most = Math.min(task.tries ?? room.settings.tries, room.settings.tries)
  const attempts: Done['attempts'][number][] = []
  const written: Written[] = []
  let failed: FailedProgram | undefined
  for (;;) {
    const wish = { intent: task.intent, services: task.known, failed }
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

async function runGiven(
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

function present({ code, result, calls, attempts, writing }: Done, known: readonly KnownService[]) {
  const { ending, stdout, stderr, durationMs, isolation } = result
  const ok = ending === 'finished'
  const data = {
    ok,
    ending,
    stdout,
    stderr,
    code,
    services: known.map(({ service }) => service.name),
    calls: [...calls],
    attempts: [...attempts],
    durationMs,
    isolation: { ...isolation, inForce: [...isolation.inForce], missing: [...isolation.missing] },
    writing,
  }
  const kept = `Isolation: ${isolation.level}${isolation.missing.map((gap) => `; ${gap}`).join('')}`
  const failure = ok
    ? []
    : [`FAILED (${ending}) after ${attempts.length} tries: ${shorten(attempts.at(-1)?.error ?? '', 1500)}`]
  return { data, text: [...failure, stdout.trimEnd(), '', kept].join('\n').trim() }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
