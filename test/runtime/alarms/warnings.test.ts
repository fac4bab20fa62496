import { expect, test } from 'vitest'
import { createWarnings } from '../../../src/runtime/alarms/warnings.ts'
import { manualClock } from '../../support/manual-clock.ts'

function rig() {
  const clock = manualClock()
  const lines: string[] = []
  const write =
    (level: string) =>
    (_details: object, message: string): void =>
      void lines.push(`${level} ${message}`)
  const log = { info: write('info'), warn: write('warn'), error: write('error') }
  return { clock, lines, warnings: createWarnings({ clock, log }) }
}

test('a warning is logged when it begins, once a minute while it lasts, and when it is over', () => {
  const { clock, lines, warnings } = rig()
  for (let second = 0; second < 90; second++) {
    warnings.raise('ledger', 'no space')
    clock.advance(1000)
  }
  expect(lines).toEqual(['error no space', 'error no space'])
  expect(warnings.current()).toEqual(['no space'])
  warnings.clear('ledger')
  warnings.clear('ledger')
  expect(lines.at(-1)).toBe('info this is over')
  expect(lines).toHaveLength(3)
  expect(warnings.current()).toEqual([])
})

test('a warning that is not raised again expires', () => {
  const { clock, warnings } = rig()
  warnings.raise('open-files', 'too many')
  clock.advance(299_000)
  expect(warnings.current()).toEqual(['too many'])
  clock.advance(2000)
  expect(warnings.current()).toEqual([])
})
