import { z } from 'zod'

import type { Method } from '../method.ts'
import { count } from '../units.ts'

const level = z.enum(['info', 'warn', 'error'])

const line = z
  .object({
    number: count,
    time: z.string().describe('RFC 3339, UTC.'),
    level,
    message: z.string(),
    details: z.record(z.string(), z.unknown()).describe('Structured details; never a key.'),
  })
  .meta({ id: 'LogLine' })

export const logsMethods = {
  'logs.tail': {
    summary: 'The last lines of the broker’s log, or the next ones',
    description:
      'Without `after` the call returns the last lines at once. With it the call waits until there is a newer line, ' +
      'but no longer than `wait_s`; pass `next` as the new `after` to follow the log. With ' +
      '`Accept: text/event-stream` responses are streamed, each with the lines since the previous one.',
    params: z.strictObject({
      after: count.optional().describe('`next` of the previous response.'),
      wait_s: z
        .number()
        .min(0)
        .max(60)
        .optional()
        .describe('Maximum wait for a newer line in seconds; 0 by default.'),
      level: level.optional().describe('Only lines of this level or a more severe one.'),
      limit: z
        .int()
        .min(1)
        .max(1000)
        .optional()
        .describe('Maximum number of lines in a response; 100 by default.'),
    }),
    result: z.object({
      lines: z.array(line).describe('Oldest first.'),
      next: count,
      missed: count.describe(
        'Number of lines after `after` that are lost, because only the last thousand are kept.',
      ),
    }),
    errors: [],
    role: 'admin',
    streams: true,
    example: {
      params: { after: 17 },
      result: {
        lines: [
          {
            number: 18,
            time: '2026-01-02T03:04:05.678Z',
            level: 'info',
            message: 'models file taken up',
            details: { models: 48 },
          },
        ],
        next: 18,
        missed: 0,
      },
    },
  },
} as const satisfies Record<string, Method>
