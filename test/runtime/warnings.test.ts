import { expect, test } from 'vitest'
import { createAlarms } from '../../src/runtime/warnings.ts'
import { manualClock } from '../support/manual-clock.ts'

function rig() {
  const clock = manualClock()
  const lines: string[] = []
  const tell =
    (level: string) =>
    (_details: object, message: string): void =>
      void lines.push(`${level} ${message}`)
  const log = { info: tell('info'), warn: tell('warn'), error: tell('error') }
  return { clock, lines, alarms: createAlarms({ clock, log }) }
}

test('a warning is logged when it begins, once a minute while it lasts, and when it is over', () => {
  const { clock, lines, alarms } = rig()
  for (let second = 0; second < 90; second++) {
    alarms.raise('ledger', 'no space')
    clock.advance(1000)
  }
  expect(lines).toEqual(['error no space', 'error no space'])
  expect(alarms.current()).toEqual(['no space'])
  alarms.clear('ledger')
  alarms.clear('ledger')
  expect(lines.at(-1)).toBe('info this is over')
  expect(lines).toHaveLength(3)
  expect(alarms.current()).toEqual([])
})

test('a warning that is not raised again expires', () => {
  const { clock, alarms } = rig()
  alarms.raise('open-files', 'too many')
  clock.advance(299_000)
  expect(alarms.current()).toEqual(['too many'])
  clock.advance(2000)
  expect(alarms.current()).toEqual([])
})
