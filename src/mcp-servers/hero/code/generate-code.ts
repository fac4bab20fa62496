import { z } from 'zod'

import { ToolFailure } from '../../shared/tool-failure.ts'
import { tool } from '../../shared/tool.ts'
import { intent, services, servicesFor, tries, writeAndRun, writingShape } from './attempts.ts'
import { requireCaller } from '../caller.ts'
import type { HeroRuntime } from '../hero-runtime.ts'

export const generateCode = (runtime: HeroRuntime) =>
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
    async run(args, signal, info) {
      runtime.assertEnabled()
      const caller = requireCaller(info, runtime.settings)
      return runtime.runLimited(async () => {
        const known = await servicesFor(runtime, args.services, args.intent, caller, signal)
        const done = await writeAndRun(runtime, { ...args, known, caller, isCheckOnly: true }, signal)
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

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
