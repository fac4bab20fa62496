import { z } from 'zod'

import { shorten } from '../../shared/text.ts'
import { tool } from '../../shared/tool.ts'
import { intent, runProgram, services, servicesFor, tries, writeAndRun, writingShape } from './attempts.ts'
import type { ProgramOutcome } from './attempts.ts'
import { requireCaller } from '../caller.ts'
import type { HeroRuntime } from '../hero-runtime.ts'
import type { KnownService } from '../services/service-registry.ts'

const isolationShape = z
  .object({
    level: z.string().describe('namespaces is the full sandbox; filters is less.'),
    inForce: z.array(z.string()).describe('The isolation layers that were in force.'),
    missing: z.array(z.string()).describe('The layers that were missing, and the consequences.'),
  })
  .describe('How the program was isolated.')

export const executeCode = (runtime: HeroRuntime) =>
  tool({
    name: 'execute_code',
    title: 'Run a program',
    description:
      'Runs a Python program that uses services of this machine, in a sandbox without network, and returns what it printed. Give an intent in words to have the program written (and repaired when it fails), or your own code for the interfaces that get_interface shows. The program can do whatever the allowed methods of the services do.',
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
      ok: z.boolean().describe('Whether the program succeeded.'),
      ending: z
        .string()
        .describe('finished, failed, or the limit that ended it: time, processor time, output.'),
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
    async run(args, signal, info) {
      runtime.assertEnabled()
      const caller = requireCaller(info, runtime.settings)
      return runtime.runLimited(async () => {
        const known = await servicesFor(runtime, args.services, args.intent ?? '', caller, signal)
        const done = await (args.code === undefined
          ? writeAndRun(
              runtime,
              { intent: args.intent ?? '', tries: args.tries, known, caller, isCheckOnly: false },
              signal,
            )
          : runProgram(runtime, { code: args.code, known, caller }, signal))
        return present(done, known)
      })
    },
  })

function present({ code, result, calls, attempts, writing }: ProgramOutcome, known: readonly KnownService[]) {
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
  const isolationText = `Isolation: ${isolation.level}${isolation.missing.map((gap) => `; ${gap}`).join('')}`
  const failure = ok
    ? []
    : [`FAILED (${ending}) after ${attempts.length} tries: ${shorten(attempts.at(-1)?.error ?? '', 1500)}`]
  return { data, text: [...failure, stdout.trimEnd(), '', isolationText].join('\n').trim() }
}
