import { expect, test } from 'vitest'
import { SessionTable } from '../../../../src/server/mcp/sessions/session-table.ts'
import { manualClock } from '../../../mcp/manual-clock.ts'

const caller = (context: string) => ({ ip: 'local', context })
const MINUTE_MS = 60_000

/** A table with sessions named `context nth`, and the names of the ended ones. */
function tableOf() {
  const clock = manualClock()
  const ended: string[] = []
  const table = new SessionTable<{ close(): Promise<void> }>(clock)
  const open = (context: string, count: number): void => {
    for (let nth = 0; nth < count; nth++) {
      table.admit(caller(context))
      const id = `${context} ${nth}`
      table.add(id, caller(context), { close: async () => void ended.push(id) })
      clock.advance(1)
    }
  }
  return { clock, ended, table, open }
}

test('a caller with too many sessions is refused while they are in use, and loses abandoned ones', () => {
  const { clock, ended, table, open } = tableOf()
  open('ada', 100)
  expect(() => open('ada', 1)).toThrow('too many MCP sessions')
  const stream = new AbortController()
  table.get('ada 0', caller('ada'), stream.signal)
  clock.advance(MINUTE_MS)
  table.get('ada 1', caller('ada'))
  open('ada', 1)
  expect(ended).toEqual(['ada 2'])
})

test('the sessions of busy callers keep no other caller out', () => {
  const { ended, open } = tableOf()
  for (let nth = 0; nth < 10; nth++) open(`many${nth}`, 100)
  open('innocent', 2)
  expect(ended).toEqual(['many0 0', 'many1 0'])
})

test('a table full of single sessions ends the one abandoned for longest, and no session in use', () => {
  const { clock, ended, table, open } = tableOf()
  for (let nth = 0; nth < 1000; nth++) open(`single${nth}`, 1)
  expect(() => open('new', 1)).toThrow('too many MCP sessions')
  const stream = new AbortController()
  table.get('single0 0', caller('single0'), stream.signal)
  clock.advance(30 * MINUTE_MS)
  table.get('single1 0', caller('single1'))
  open('new', 2)
  expect(ended).toEqual(['single2 0', 'single3 0'])
})

test('a full table ends abandoned sessions before those of the busiest caller', () => {
  const { clock, ended, open } = tableOf()
  open('left', 1)
  clock.advance(MINUTE_MS)
  for (let nth = 0; nth < 10; nth++) open(`many${nth}`, nth === 0 ? 99 : 100)
  open('innocent', 2)
  expect(ended).toEqual(['left 0', 'many1 0'])
})

test('a session whose stream has just ended is not abandoned yet', () => {
  const { clock, ended, table, open } = tableOf()
  open('ada', 100)
  const stream = new AbortController()
  table.get('ada 0', caller('ada'), stream.signal)
  clock.advance(MINUTE_MS)
  stream.abort()
  open('ada', 1)
  expect(ended).toEqual(['ada 1'])
})
