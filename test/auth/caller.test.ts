import fc from 'fast-check'
import { expect, test } from 'vitest'
import { callerKey, type Caller } from '../../src/auth/caller.ts'

const part = fc.option(fc.oneof(fc.string(), fc.constantFrom('', ' ', 'null', '"', '\\', ',', 'a","b')), {
  nil: undefined,
})
const caller = fc.record({ ip: fc.string(), context: part, token: part })

test('the keys of two callers are equal exactly if address, context and token are equal', () => {
  const isSame = (a: Caller, b: Caller): boolean =>
    a.ip === b.ip && a.context === b.context && a.token === b.token
  fc.assert(
    fc.property(caller, caller, (a, b) => {
      expect(callerKey(a) === callerKey(b)).toBe(isSame(a, b))
    }),
  )
})

test('an absent context is neither an empty one nor the context “null”', () => {
  const keys = [undefined, '', 'null'].map((context) => callerKey({ ip: 'local', context }))
  expect(new Set(keys).size).toBe(3)
})
