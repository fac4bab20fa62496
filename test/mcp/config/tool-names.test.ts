import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type NamedItem, isServerName, nameTable } from '../../../src/mcp/config/tool-names.ts'

const item = (server: string, name: string, prefix = true): NamedItem => ({ server, name, prefix })
const names = (items: NamedItem[]): string[] => [...nameTable(items).keys()]

test('a tool is listed as server__tool', () => {
  expect(names([item('files', 'read'), item('brave-search', 'web')])).toEqual([
    'brave-search__web',
    'files__read',
  ])
})

test('the tools of a server without prefix keep their names', () => {
  expect(names([item('files', 'read_file', false)])).toEqual(['read_file'])
})

test('names that become equal are distinguished by a hash, independent of their order', () => {
  const items = [item('a', 'x.y'), item('a', 'x/y')]
  expect(names(items)).toEqual(names(items.toReversed()))
  expect(names(items).every((name) => /^a__x_y_[0-9a-f]{8}$/.test(name))).toBe(true)
})

test('every name is valid for every provider and unique, and names are sorted', () => {
  const server = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,8}(?:[_-][A-Za-z0-9]{1,6}){0,2}$/)
  const items = fc.uniqueArray(
    fc.record({ server, name: fc.string({ maxLength: 140 }), prefix: fc.boolean() }),
    {
      selector: ({ server, name }) => `${server}\0${name}`,
      maxLength: 40,
    },
  )
  fc.assert(
    fc.property(items, (all) => {
      const table = nameTable(all)
      expect(new Set(table.values())).toEqual(new Set(all))
      expect([...table.keys()]).toEqual([...table.keys()].sort())
      for (const name of table.keys()) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
    }),
  )
})

test('the name of a tool does not change when a server is added', () => {
  const before = names([item('files', 'read')])
  expect(names([item('files', 'read'), item('other', 'read')])).toEqual(expect.arrayContaining(before))
})

test.each(['a', 'brave-search', 'sequentialThinking', 'x1_y2'])('“%s” is a valid server name', (name) => {
  expect(isServerName(name)).toBe(true)
})

test.each(['', '1a', 'a__b', 'a_', '-a', 'a.b', 'ä', 'a'.repeat(25)])(
  '“%s” is not a valid server name',
  (name) => {
    expect(isServerName(name)).toBe(false)
  },
)
