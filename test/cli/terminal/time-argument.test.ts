import { afterEach, describe, expect, test } from 'vitest'
import { parseFutureTime, parsePastTime } from '../../../src/cli/terminal/time-argument.ts'
import { sliceTime } from '../../../src/cli/usage/usage-plot.ts'

const zone = process.env['TZ']

afterEach(() => {
  if (zone === undefined) delete process.env['TZ']
  else process.env['TZ'] = zone
})

/** Half past midnight in New York and half past four in UTC, on the day after clocks went forward there. */
const NOW = Date.UTC(2026, 2, 9, 4, 30)

// Clocks change in both places; Kiritimati is 14 hours ahead of UTC.
describe.each(['America/New_York', 'Pacific/Kiritimati', 'Europe/Berlin', 'UTC'])('with TZ=%s', (name) => {
  test.each([
    ['today', '2026-03-09T00:00:00Z'],
    ['2026-03-08', '2026-03-08T00:00:00Z'],
    ['2026-03-08T02:30', '2026-03-08T02:30:00Z'],
    ['2026-03-08 02:30:10', '2026-03-08T02:30:10Z'],
    ['2026-03-08T02:30:00+01:00', '2026-03-08T01:30:00Z'],
    ['24h', '2026-03-08T04:30:00Z'],
    ['1d', '2026-03-08T04:30:00Z'],
    ['1767225600', '2026-01-01T00:00:00Z'],
  ])('“%s” is a time of UTC', (text, time) => {
    process.env['TZ'] = name
    expect(parsePastTime(text, NOW)).toBe(Date.parse(time) / 1000)
  })

  test('days of the plot are those of UTC, 24 hours each, when clocks change too', () => {
    process.env['TZ'] = name
    const since = Date.UTC(2026, 2, 7) / 1000
    const slices = sliceTime(since, since + 4 * 86_400)
    expect(slices.map(({ label }) => label)).toEqual(['2026-03-07', '2026-03-08', '2026-03-09', '2026-03-10'])
    expect(slices.map((slice) => slice.until - slice.since)).toEqual([86_400, 86_400, 86_400, 86_400])
  })
})

test.each(['2026-02-30', '2026-13-01', '2026-01-01x', 'yesterday', '2026-01-31T25:00'])(
  '“%s” is refused',
  (text) => {
    expect(() => parsePastTime(text, NOW)).toThrow('days of UTC')
  },
)

test('a date in the future is one of UTC too', () => {
  process.env['TZ'] = 'America/New_York'
  expect(parseFutureTime('2027-01-31', NOW)).toBe(Date.UTC(2027, 0, 31) / 1000)
})
