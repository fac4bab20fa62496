import { z } from 'zod'
import { type ToolOutput, type Tool, tool } from './tool.ts'

interface AccountTool<Output extends z.ZodObject> {
  readonly title: string
  readonly description: string
  readonly output: Output
  readonly read: (signal: AbortSignal) => Promise<ToolOutput<z.input<Output>>>
}

/** The tool `account` of vendors with credits: what is left. It takes no arguments and is free. */
export function accountTool<Output extends z.ZodObject>({
  title,
  description,
  output,
  read,
}: AccountTool<Output>): Tool {
  return tool({
    name: 'account',
    title,
    description,
    input: z.strictObject({}),
    output,
    annotations: { idempotentHint: true },
    run: (_args, signal) => read(signal),
  })
}
