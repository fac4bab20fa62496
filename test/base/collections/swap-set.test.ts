import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Roster } from '../../../src/base/collections/swap-set.ts'

class Guest {
  place = -1
}

const steps = fc.array(fc.record({ guest: fc.nat({ max: 9 }), comes: fc.boolean() }), { maxLength: 60 })

test('a swap set contains what a Set contains, after any additions and deletions', () => {
  fc.assert(
    fc.property(steps, (walk) => {
      const guests = Array.from({ length: 10 }, () => new Guest())
      const roster = new Roster<Guest>()
      const set = new Set<Guest>()
      for (const { guest, comes } of walk) {
        const one = guests[guest]
        if (one === undefined) continue
        if (comes) {
          roster.add(one)
          set.add(one)
        } else expect(roster.delete(one)).toBe(set.delete(one))
        expect(roster.size).toBe(set.size)
        expect(new Set(roster.list())).toEqual(set)
        for (const each of guests) expect(roster.has(each)).toBe(set.has(each))
      }
    }),
  )
})

test('an iteration reaches every member that stays, although others are deleted meanwhile', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 7 }), { maxLength: 8 }), (leaving) => {
      const guests = Array.from({ length: 8 }, () => new Guest())
      const roster = new Roster<Guest>()
      for (const guest of guests) roster.add(guest)
      const seen = new Set<Guest>()
      const leaves = [...leaving]
      roster.each((guest) => {
        seen.add(guest)
        const next = leaves.shift()
        const other = next === undefined ? undefined : guests[next]
        if (other !== undefined) roster.delete(other)
      })
      for (const guest of roster.list()) expect(seen).toContain(guest)
    }),
  )
})
