import { z } from 'zod'

import type { Method } from '../../method.ts'
import { count } from '../../units.ts'
import { asOf, requestFilter, requestRow } from './requests.ts'

export const eventsMethods = {
  'events.watch': {
    summary: 'Requests as they end, and the broker’s state, once a second',
    description:
      'With `Accept: text/event-stream` answers are streamed while something changes; otherwise there is one answer at once. ' +
      'A caller sees its own requests, an administrator those of all callers.',
    params: z.strictObject({
      filter: requestFilter.optional(),
      after: asOf.optional().describe('`as_of` of an earlier answer: what ended since then comes first.'),
    }),
    result: z.object({
      rows: z.array(requestRow).describe('Requests that ended, oldest first; at most 200.'),
      missed: z.boolean().describe('There were more: read the list again.'),
      open_requests: count,
      is_mother: z.boolean(),
      version: z.string(),
      as_of: asOf,
    }),
    errors: ['overloaded'],
    role: 'caller',
    streams: true,
    example: {
      params: {},
      result: { rows: [], missed: false, open_requests: 0, is_mother: false, version: '0.1.0', as_of: 'Yx0' },
    },
  },
} as const satisfies Record<string, Method>
