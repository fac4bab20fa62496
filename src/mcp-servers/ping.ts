import { z } from 'zod'
import type { BundledServer } from './shared/server.ts'
import { tool } from './shared/tool.ts'

/** The smallest server: tests a client, a connection and structured results, without key or network. */
export const ping: BundledServer = {
  name: 'mcp_ping',
  title: 'Ping',
  instructions: 'One tool that answers at once. Use it to check that the connection works.',
  open: ({ clock }) => ({
    secrets: [],
    tools: [
      tool({
        name: 'ping',
        title: 'Ping',
        description:
          'Answers at once with the message it was given and the time. Use it to test the connection.',
        input: z.strictObject({
          message: z.string().max(1000).default('pong').describe('What to say back.'),
        }),
        output: z.object({
          message: z.string().describe('The message that was given.'),
          time: z.string().describe('When the server answered: ISO 8601, UTC.'),
        }),
        annotations: { idempotentHint: true, openWorldHint: false },
        async run({ message }) {
          const time = new Date(clock.now()).toISOString()
          return { data: { message, time }, text: `${message} (${time})` }
        },
      }),
    ],
  }),
}
