import { z } from 'zod'

import { BUCKETS } from '../../../../base/calendar/time-zone.ts'
import type { Method } from '../../method.ts'
import { count, moment, unixSeconds } from '../../units.ts'
import { asOf, EXAMPLE_TOTALS, reportTotals, requestFilter } from './requests.ts'

const groupField = z.enum(['model', 'provider', 'address', 'context', 'token', 'app', 'kind', 'status'])

const group = z
  .object({
    names: z.partialRecord(groupField, z.string()),
    totals: reportTotals,
    series: z.array(reportTotals).describe('One for each bucket.'),
    previous: reportTotals.optional().describe('Of the compared period.'),
  })
  .meta({ id: 'UsageReportGroup' })

const period = z.strictObject({ since: moment, until: moment })

export const reportMethods = {
  'usage.query': {
    summary: 'Usage by up to two fields and by time, in any time zone, beside another period',
    description:
      'A caller gets its own: the requests of its address, context and token. An administrator gets those of all callers. ' +
      'The groups and `other` add up to `totals`, and so do the buckets.',
    params: z.strictObject({
      filter: requestFilter.optional(),
      group_by: z.array(groupField).max(2).optional(),
      bucket: z
        .enum(['none', ...BUCKETS])
        .optional()
        .describe('`none` by default; others need `since`.'),
      time_zone: z.string().max(64).optional().describe('Such as `Europe/Brussels`; UTC by default.'),
      order: z.enum(['cost', 'requests', 'tokens']).optional().describe('Highest first; `cost` by default.'),
      limit: z.int().min(0).max(200).optional().describe('Maximum number of groups; 50 by default.'),
      compare: period.optional().describe('A period of which every group gets its totals, too.'),
      as_of: asOf.optional(),
      csv: z.boolean().optional().describe('Adds the groups as CSV.'),
    }),
    result: z.object({
      groups: z.array(group),
      other: group.describe('All further groups together.'),
      others: count.describe('How many groups `other` stands for.'),
      totals: reportTotals,
      previous: reportTotals.optional(),
      buckets: z
        .array(z.object({ from: unixSeconds, to: unixSeconds, totals: reportTotals }))
        .describe('Empty without a bucket.'),
      time_zone: z.string(),
      exact_from: unixSeconds
        .optional()
        .describe('Of requests before it only totals per day of UTC are left. Absent when all are there.'),
      as_of: asOf,
      csv: z.string().optional(),
    }),
    errors: ['bad-request', 'overloaded'],
    role: 'caller',
    example: {
      params: { group_by: ['model'] },
      result: {
        groups: [{ names: { model: 'gpt-4o-mini' }, totals: EXAMPLE_TOTALS, series: [] }],
        other: { names: {}, totals: { ...EXAMPLE_TOTALS, requests: 0 }, series: [] },
        others: 0,
        totals: EXAMPLE_TOTALS,
        buckets: [],
        time_zone: 'UTC',
        as_of: 'Yx0',
      },
    },
  },
} as const satisfies Record<string, Method>
