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
    details: z.record(z.string(), z.unknown()).describe('What the line is about; never a key.'),
  })
  .meta({ id: 'LogLine' })

export const logsMethods = {
  'logs.tail': {
    summary: 'The last lines of the broker’s log, or those that come next',
    description:
      'Without `after` the last lines are answered at once. With it the call waits until there is a newer line, ' +
      'but no longer than `wait_s`; give back `next` as the new `after` to follow the log. With ' +
      '`Accept: text/event-stream` the answers go on coming, each with the lines since the one before.',
    params: z.strictObject({
      after: count.optional().describe('`next` of the answer before.'),
      wait_s: z.number().min(0).max(60).optional().describe('Longest wait for a newer line; 0 without it.'),
      level: level.optional().describe('Only lines as grave as this or graver.'),
      limit: z.int().min(1).max(1000).optional().describe('Most lines of one answer; 100 without it.'),
    }),
    result: z.object({
      lines: z.array(line).describe('The oldest first.'),
      next: count,
      missed: count.describe('Lines after `after` that are gone, because only the last thousand are kept.'),
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
