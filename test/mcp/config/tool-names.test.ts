import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Named, isServerName, nameTable } from '../../../src/mcp/config/tool-names.ts'

const offer = (server: string, name: string, prefix = true): Named => ({ server, name, prefix })
const names = (offers: Named[]): string[] => [...nameTable(offers).keys()]

test('a tool is listed as server__tool', () => {
  expect(names([offer('files', 'read'), offer('brave-search', 'web')])).toEqual([
    'brave-search__web',
    'files__read',
  ])
})

test('the tools of a server without prefix keep their names', () => {
  expect(names([offer('files', 'read_file', false)])).toEqual(['read_file'])
})

test('names that become equal are distinguished by a hash, independent of their order', () => {
  const offers = [offer('a', 'x.y'), offer('a', 'x/y')]
  expect(names(offers)).toEqual(names(offers.toReversed()))
  expect(names(offers).every((name) => /^a__x_y_[0-9a-f]{8}$/.test(name))).toBe(true)
})

test('every name is valid for every provider and unique, and names are sorted', () => {
  const server = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,8}(?:[_-][A-Za-z0-9]{1,6}){0,2}$/)
  const offers = fc.uniqueArray(
    fc.record({ server, name: fc.string({ maxLength: 140 }), prefix: fc.boolean() }),
    {
      selector: ({ server, name }) => `${server}\0${name}`,
      maxLength: 40,
    },
  )
  fc.assert(
    fc.property(offers, (all) => {
      const table = nameTable(all)
      expect(new Set(table.values())).toEqual(new Set(all))
      expect([...table.keys()]).toEqual([...table.keys()].sort())
      for (const name of table.keys()) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
    }),
  )
})

test('the name of a tool does not change when a server is added', () => {
  const before = names([offer('files', 'read')])
  expect(names([offer('files', 'read'), offer('other', 'read')])).toEqual(expect.arrayContaining(before))
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
