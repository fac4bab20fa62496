import { expect, test } from 'vitest'
import { bucketEdges, isTimeZone } from '../../../src/base/calendar/time-zone.ts'

const at = (text: string): number => Date.parse(text) / 1000

test('a day on which the clocks go back has 25 hours, and one on which they go forward 23', () => {
  const days = (since: string, until: string) =>
    bucketEdges({ since: at(since), until: at(until), bucket: 'day', timeZone: 'Europe/Brussels' }, 10) ?? []
  const autumn = days('2026-10-24T22:00:00Z', '2026-10-26T23:00:00Z')
  expect(autumn.slice(1).map((edge, index) => (edge - (autumn[index] ?? 0)) / 3600)).toEqual([25, 24])
  const spring = days('2026-03-28T23:00:00Z', '2026-03-30T22:00:00Z')
  expect(spring.slice(1).map((edge, index) => (edge - (spring[index] ?? 0)) / 3600)).toEqual([23, 24])
})

test('hours, weeks and months begin where the clocks of the zone say so', () => {
  const edges = (bucket: 'hour' | 'week' | 'month', since: string, until: string, timeZone: string) =>
    bucketEdges({ since: at(since), until: at(until), bucket, timeZone }, 100)?.map((edge) =>
      new Date(edge * 1000).toISOString().slice(0, 16),
    )
  expect(edges('hour', '2026-01-01T00:00:00Z', '2026-01-01T02:00:00Z', 'Asia/Kathmandu')).toEqual([
    '2026-01-01T00:00',
    '2026-01-01T00:15',
    '2026-01-01T01:15',
    '2026-01-01T02:00',
  ])
  expect(edges('week', '2026-01-01T00:00:00Z', '2026-01-13T00:00:00Z', 'UTC')).toEqual([
    '2026-01-01T00:00',
    '2026-01-05T00:00',
    '2026-01-12T00:00',
    '2026-01-13T00:00',
  ])
  expect(edges('month', '2026-01-31T23:00:00Z', '2026-03-01T00:00:00Z', 'Europe/Brussels')).toEqual([
    '2026-01-31T23:00',
    '2026-02-28T23:00',
    '2026-03-01T00:00',
  ])
})

test('a midnight that clocks skip begins its day at the change', () => {
  // In Beirut the clocks go from 00:00 to 01:00.
  const edges = bucketEdges(
    {
      since: at('2026-03-28T12:00:00Z'),
      until: at('2026-03-29T12:00:00Z'),
      bucket: 'day',
      timeZone: 'Asia/Beirut',
    },
    10,
  )
  expect(edges?.[1]).toBe(at('2026-03-28T22:00:00Z'))
})

test('more buckets than allowed are none, and an unknown zone is none', () => {
  expect(bucketEdges({ since: 0, until: 1e9, bucket: 'hour', timeZone: 'UTC' }, 100)).toBeUndefined()
  expect([isTimeZone('Europe/Brussels'), isTimeZone('Mars/Base')]).toEqual([true, false])
})
