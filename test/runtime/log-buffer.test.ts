import { expect, test } from 'vitest'

import { BrokerError } from '../../src/base/errors.ts'
import { Secret } from '../../src/base/secret.ts'
import { createLogBuffer } from '../../src/runtime/log-buffer.ts'
import type { LogQuery } from '../../src/runtime/log-buffer.ts'
import { manualClock } from '../support/manual-clock.ts'

const ALL: LogQuery = { level: 'info', limit: 100 }

function ring() {
  const clock = manualClock()
  const forwarded: string[] = []
  const note = (level: string) => (_details: object, message: string) => forwarded.push(`${level} ${message}`)
  const onward = { info: note('info'), warn: note('warn'), error: note('error') }
  return { clock, forwarded, log: createLogBuffer({ clock, target: onward }) }
}

test('every line is forwarded and buffered, oldest first', () => {
  const { log, forwarded } = ring()
  log.info({ models: 2 }, 'one')
  log.warn({}, 'two')
  expect(forwarded).toEqual(['info one', 'warn two'])
  expect(log.read(ALL)).toMatchObject({
    lines: [
      { number: 1, level: 'info', message: 'one', details: { models: 2 } },
      { number: 2, level: 'warn', message: 'two' },
    ],
    next: 2,
    missed: 0,
  })
})

test('a reader continues page by page, and skips lines below its level', () => {
  const { log } = ring()
  for (const at of [1, 2, 3, 4]) log[at % 2 === 0 ? 'error' : 'info']({}, `line ${at}`)
  const first = log.read({ level: 'error', limit: 1, after: 0 })
  expect(first).toMatchObject({ lines: [{ message: 'line 2' }], next: 2 })
  const second = log.read({ level: 'error', limit: 1, after: first.next })
  expect(second).toMatchObject({ lines: [{ message: 'line 4' }], next: 4 })
  expect(log.read({ level: 'error', limit: 1, after: second.next })).toEqual({
    lines: [],
    next: 4,
    missed: 0,
  })
})

test('the buffer is bounded, and a slow reader gets the number of missed lines', () => {
  const { log } = ring()
  for (let at = 1; at <= 1500; at++) log.info({}, `line ${at}`)
  const page = log.read({ ...ALL, after: 100 })
  expect(page).toMatchObject({ missed: 400, next: 600 })
  expect(page.lines[0]?.message).toBe('line 501')
})

test('a reader with a number from before a restart gets all lines', () => {
  const { log } = ring()
  log.info({}, 'fresh')
  expect(log.read({ ...ALL, after: 900 })).toMatchObject({ lines: [{ message: 'fresh' }], next: 1 })
})

test('errors are logged as plain JSON, without secrets and unserializable values', () => {
  const { log } = ring()
  const err = new BrokerError('store-full', 'no space', { cause: new Error('ENOSPC') })
  log.error({ err, key: new Secret('sk-very-secret') }, 'bad day')
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  log.info(circle, 'a circle')
  log.info({ big: 'x'.repeat(10_000) }, 'a flood')
  const { lines } = log.read(ALL)
  expect(JSON.stringify(lines)).not.toContain('very-secret')
  expect(lines.map(({ details }) => details)).toEqual([
    {
      err: {
        name: 'BrokerError',
        message: 'no space',
        code: 'store-full',
        cause: { name: 'Error', message: 'ENOSPC' },
      },
      key: '***',
    },
    {},
    { cut: '10010 characters' },
  ])
})

test('a wait ends with a line of its level, a timeout or an abort', async () => {
  const { log, clock } = ring()
  const stay = new AbortController()
  const query: LogQuery = { after: 0, level: 'warn', limit: 10 }
  let woken = 0
  const wait = () => log.wait(query, 5000, stay.signal).then(() => (woken += 1))

  const first = wait()
  log.info({}, 'too light')
  await Promise.resolve()
  expect(woken).toBe(0)
  log.warn({}, 'now')
  await first

  const late = log.wait({ ...query, after: 2 }, 5000, stay.signal)
  clock.advance(5000)
  await late

  const leaving = log.wait({ ...query, after: 2 }, 5000, stay.signal)
  stay.abort()
  await leaving
})
