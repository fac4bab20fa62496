import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { money, NOTHING } from '../../../src/base/money.ts'
import { addBills, NO_BILL, type Bill } from '../../../src/inference/cost/attempt-cost.ts'
import { usage } from '../../ledger/samples.ts'

const exact: Bill = {
  ...NO_BILL,
  usage: usage({ prompt: 10, completion: 5, images: 1 }),
  countSource: 'reported',
  cost: money(100n),
}
const bounded: Bill = {
  ...exact,
  countSource: 'bounded',
  cost: money(30n),
  costLow: money(20n),
  costHigh: money(90n),
}
const refused: Bill = { ...NO_BILL, cost: NOTHING }
const believed: Bill = { ...exact, costSource: 'upstream', upstreamCost: money(100n) }
const disputed: Bill = { ...exact, costSource: 'price', upstreamCost: money(9000n), flag: 'too far' }

test('parts are added up, and a bound of one makes bounds of all', () => {
  expect(addBills([exact, bounded])).toMatchObject({
    usage: { prompt: 20, completion: 10, images: 2 },
    countSource: 'bounded',
    cost: 130n,
    costLow: 120n,
    costHigh: 190n,
  })
})

test('a part that nobody counted is not lost: without its cost the whole has none, only a least', () => {
  const unknown = addBills([exact, { ...NO_BILL, usage: undefined }])
  expect(unknown).toMatchObject({
    usage: { prompt: 10 },
    countSource: 'none',
    cost: undefined,
    costLow: 100n,
  })
  expect(unknown.costHigh).toBeUndefined()
  // With bounds it has bounds.
  const cutOff: Bill = { ...NO_BILL, costLow: NOTHING, costHigh: money(50n) }
  expect(addBills([exact, cutOff])).toMatchObject({ cost: undefined, costLow: 100n, costHigh: 150n })
})

test('a part that cost nothing changes nothing', () => {
  expect(addBills([refused, exact])).toEqual({
    ...exact,
    costSource: undefined,
    upstreamCost: undefined,
    flag: undefined,
  })
})

test('a provider’s own figures are added up when all are believed; one that is not is flagged', () => {
  expect(addBills([believed, believed])).toMatchObject({ costSource: 'upstream', upstreamCost: 200n })
  expect(addBills([believed, exact])).toMatchObject({ costSource: undefined, upstreamCost: undefined })
  expect(addBills([believed, disputed])).toMatchObject({
    costSource: undefined,
    upstreamCost: 9000n,
    flag: 'too far',
    cost: 200n,
  })
})

const amount = fc.bigInt({ min: 0n, max: 1000n })
const bill: fc.Arbitrary<Bill> = fc
  .record({ low: amount, more: amount, most: amount, known: fc.nat(7) })
  .map(({ low, more, most, known }) => ({
    ...NO_BILL,
    costLow: (known & 1) === 0 ? undefined : money(low),
    cost: (known & 2) === 0 ? undefined : money(low + more),
    costHigh: (known & 4) === 0 ? undefined : money(low + more + most),
  }))

test('the least is never above the most, nor the cost outside of both', () => {
  fc.assert(
    fc.property(fc.array(bill, { minLength: 1, maxLength: 5 }), (bills) => {
      const { cost, costLow = cost, costHigh } = addBills(bills)
      if (costLow !== undefined && costHigh !== undefined) expect(costLow).toBeLessThanOrEqual(costHigh)
      if (cost === undefined) return
      expect(costLow).toBeLessThanOrEqual(cost)
      if (costHigh !== undefined) expect(costHigh).toBeGreaterThanOrEqual(cost)
    }),
  )
})
