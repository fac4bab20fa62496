import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BrokerError } from '../../src/base/errors.ts'
import { AttemptBudget } from '../../src/cascade/hop/attempt-budget.ts'

const failed = (attempts?: number): BrokerError =>
  new BrokerError('upstream-failed', 'no', attempts === undefined ? {} : { details: { attempts } })

test('a mother that reports her attempts leaves the rest for another one', () => {
  const budget = new AttemptBudget(4)
  expect(budget.grant(true)).toBe(3)
  budget.spend(failed(1), true)
  expect(budget.left).toBe(3)
})

test('a mother that vanished has used all that she was granted', () => {
  const budget = new AttemptBudget(4)
  budget.grant(true)
  budget.spend(failed(), true)
  expect([budget.used, budget.left, budget.grant(false)]).toEqual([3, 1, 1])
})

test('a request that never left costs no attempt', () => {
  const budget = new AttemptBudget(2)
  budget.grant(false)
  budget.spend(new BrokerError('upstream-down', 'no', { details: { isUnsent: true } }), true)
  budget.spend(new BrokerError('upstream-failed', 'no', { details: { mayRepeat: true } }), false)
  expect(budget.left).toBe(2)
})

/** A broker of a tree: a provider, or mothers that are asked in turn; each may vanish without a word. */
interface Node {
  readonly mothers: readonly Node[]
  readonly vanishes: boolean
}

const { tree } = fc.letrec<{ tree: Node }>((tie) => ({
  tree: fc.record({
    mothers: fc.oneof(
      { depthSize: 'small', maxDepth: 4 },
      fc.constant([]),
      fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
    ),
    vanishes: fc.boolean(),
  }),
}))

/** Everything fails. Returns what the broker below learns, and how often providers were really asked. */
function ask(node: Node, granted: number): { readonly told: number | undefined; readonly real: number } {
  const budget = new AttemptBudget(granted)
  let real = 0
  const targets = node.mothers.length === 0 ? [undefined, undefined, undefined] : node.mothers
  for (const [at, mother] of targets.entries()) {
    if (budget.left <= 0) break
    if (mother === undefined) {
      real++
      budget.spend(failed(), false)
    } else {
      const above = ask(mother, budget.grant(at < targets.length - 1))
      real += above.real
      budget.spend(failed(above.told), true)
    }
  }
  return { told: node.vanishes ? undefined : budget.used, real }
}

test('no tree of brokers asks providers more often than the bottom allows, whoever vanishes', () => {
  fc.assert(
    fc.property(tree, fc.integer({ min: 1, max: 8 }), (root, max) => {
      expect(ask(root, max).real).toBeLessThanOrEqual(max)
    }),
  )
})
