import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SwapSet } from '../../../src/base/collections/swap-set.ts'

class Member {
  place = -1
}

const steps = fc.array(fc.record({ member: fc.nat({ max: 9 }), isAdded: fc.boolean() }), { maxLength: 60 })

test('a swap set contains what a Set contains, after any additions and deletions', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const members = Array.from({ length: 10 }, () => new Member())
      const swapSet = new SwapSet<Member>()
      const set = new Set<Member>()
      for (const { member, isAdded } of sequence) {
        const one = members[member]
        if (one === undefined) continue
        if (isAdded) {
          swapSet.add(one)
          set.add(one)
        } else expect(swapSet.delete(one)).toBe(set.delete(one))
        expect(swapSet.size).toBe(set.size)
        expect(new Set(swapSet.list())).toEqual(set)
        for (const each of members) expect(swapSet.has(each)).toBe(set.has(each))
      }
    }),
  )
})

test('an iteration reaches every member that stays, although others are deleted meanwhile', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 7 }), { maxLength: 8 }), (deletions) => {
      const members = Array.from({ length: 8 }, () => new Member())
      const swapSet = new SwapSet<Member>()
      for (const member of members) swapSet.add(member)
      const seen = new Set<Member>()
      const queue = [...deletions]
      swapSet.forEach((member) => {
        seen.add(member)
        const next = queue.shift()
        const other = next === undefined ? undefined : members[next]
        if (other !== undefined) swapSet.delete(other)
      })
      for (const member of swapSet.list()) expect(seen).toContain(member)
    }),
  )
})
