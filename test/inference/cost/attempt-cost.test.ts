import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { money, ZERO } from '../../../src/base/money.ts'
import { addAttemptCosts, NO_COST, type AttemptCost } from '../../../src/inference/cost/attempt-cost.ts'
import { usage } from '../../ledger/samples.ts'

const exact: AttemptCost = {
  ...NO_COST,
  usage: usage({ prompt: 10, completion: 5, images: 1 }),
  countSource: 'reported',
  cost: money(100n),
}
const bounded: AttemptCost = {
  ...exact,
  countSource: 'bounded',
  cost: money(30n),
  costLow: money(20n),
  costHigh: money(90n),
}
const refused: AttemptCost = { ...NO_COST, cost: ZERO }
const accepted: AttemptCost = { ...exact, costSource: 'upstream', upstreamCost: money(100n) }
const disputed: AttemptCost = { ...exact, costSource: 'price', upstreamCost: money(9000n), flag: 'too far' }

test('the costs of several attempts are added up, and one with bounds gives the sum bounds', () => {
  expect(addAttemptCosts([exact, bounded])).toMatchObject({
    usage: { prompt: 20, completion: 10, images: 2 },
    countSource: 'bounded',
    cost: 130n,
    costLow: 120n,
    costHigh: 190n,
  })
})

test('an attempt without a known cost leaves the sum without a cost, with a lower bound', () => {
  const unknown = addAttemptCosts([exact, { ...NO_COST, usage: undefined }])
  expect(unknown).toMatchObject({
    usage: { prompt: 10 },
    countSource: 'none',
    cost: undefined,
    costLow: 100n,
  })
  expect(unknown.costHigh).toBeUndefined()
  // An attempt that has bounds gives the sum bounds.
  const cutOff: AttemptCost = { ...NO_COST, costLow: ZERO, costHigh: money(50n) }
  expect(addAttemptCosts([exact, cutOff])).toMatchObject({ cost: undefined, costLow: 100n, costHigh: 150n })
})

test('an attempt that cost nothing does not change the sum', () => {
  expect(addAttemptCosts([refused, exact])).toEqual({
    ...exact,
    costSource: undefined,
    upstreamCost: undefined,
    flag: undefined,
  })
})

test('the providers’ own figures are added up when all are accepted, and a disputed one is flagged', () => {
  expect(addAttemptCosts([accepted, accepted])).toMatchObject({ costSource: 'upstream', upstreamCost: 200n })
  expect(addAttemptCosts([accepted, exact])).toMatchObject({ costSource: undefined, upstreamCost: undefined })
  expect(addAttemptCosts([accepted, disputed])).toMatchObject({
    costSource: undefined,
    upstreamCost: 9000n,
    flag: 'too far',
    cost: 200n,
  })
})

const amount = fc.bigInt({ min: 0n, max: 1000n })
const attemptCost: fc.Arbitrary<AttemptCost> = fc
  .record({ low: amount, more: amount, rest: amount, known: fc.nat(7) })
  .map(({ low, more, rest, known }) => ({
    ...NO_COST,
    costLow: (known & 1) === 0 ? undefined : money(low),
    cost: (known & 2) === 0 ? undefined : money(low + more),
    costHigh: (known & 4) === 0 ? undefined : money(low + more + rest),
  }))

test('the cost of several attempts is always within its bounds', () => {
  fc.assert(
    fc.property(fc.array(attemptCost, { minLength: 1, maxLength: 5 }), (costs) => {
      const { cost, costLow = cost, costHigh } = addAttemptCosts(costs)
      if (costLow !== undefined && costHigh !== undefined) expect(costLow).toBeLessThanOrEqual(costHigh)
      if (cost === undefined) return
      expect(costLow).toBeLessThanOrEqual(cost)
      if (costHigh !== undefined) expect(costHigh).toBeGreaterThanOrEqual(cost)
    }),
  )
})
