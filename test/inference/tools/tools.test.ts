import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { money, ZERO } from '../../../src/base/money.ts'
import { NO_COST } from '../../../src/inference/cost/attempt-cost.ts'
import { ToolBudget } from '../../../src/inference/tools/tool-budget.ts'
import { searchTools } from '../../../src/inference/tools/tool-search.ts'
import { ToolSelection } from '../../../src/inference/tools/tool-selection.ts'
import type { ListedTool } from '../../../src/mcp/types.ts'

const tool = (name: string, description: string): ListedTool => ({
  server: name.split('__')[0] ?? '',
  definition: { name, description, inputSchema: { type: 'object' } },
  price: ZERO,
})
const tools = [
  tool('web__search', 'Finds pages.'),
  tool('files__read', 'Reads a file. Use web__search for pages.'),
  tool('clock__now', 'Says what time it is.'),
]
const namesOf = (found: readonly ListedTool[]) => found.map(({ definition }) => definition.name)

test.each([
  ['search the web', ['web__search', 'files__read']],
  ['READ', ['files__read']],
  ['what time', ['clock__now']],
  ['xyzzy', []],
  ['', []],
])('a tool search for “%s” finds %j, names before descriptions', (query, names) => {
  expect(namesOf(searchTools(tools, query, 9))).toEqual(names)
})

test('a tool search returns no more than its maximum', () => {
  expect(searchTools(tools, 'web pages time', 1)).toHaveLength(1)
})

test('a caller’s own function keeps its name, also when it is that of the tool search', () => {
  const set = new ToolSelection(tools, new Set(['web__search', 'find_tools']), 1)
  expect(set.functions.map(({ function: { name } }) => name)).toEqual(['find_tools_'])
  expect(set.find('web__search')).toBeUndefined()
})

test('the cost of a chat with an unpriced round is unknown; its known costs still count towards the maximum', () => {
  const budget = new ToolBudget(money(100n))
  budget.addRound({ ...NO_COST, cost: money(60n) })
  budget.addCall(money(30n))
  expect(budget.cost).toBe(90n)
  budget.addRound({ ...NO_COST, costHigh: money(5n) })
  expect(budget.cost).toBeUndefined()
  expect([budget.knownCost, budget.bounds]).toEqual([90n, { costLow: 90n, costHigh: 95n }])
  const calls = new ToolBudget(money(100n))
  calls.addRound({ ...NO_COST, cost: money(60n), costLow: money(50n), costHigh: money(70n) })
  expect([calls.cost, calls.bounds]).toEqual([60n, { costLow: 50n, costHigh: 70n }])
  calls.addCall(undefined)
  calls.addCall(money(3n))
  expect(calls.cost).toBeUndefined()
  // One call without a price does not hide what the rest has cost.
  expect([calls.knownCost, calls.bounds]).toEqual([63n, { costLow: 53n, costHigh: undefined }])
  expect(() => budget.check(money(5n))).not.toThrow()
  expect(() => budget.check(money(6n))).toThrow(/have cost/)
})

const amount = fc.option(fc.bigInt({ min: 0n, max: 1000n }), { nil: undefined })
const round = fc.tuple(amount, amount, amount).map(([low, cost, high]) => {
  const [costLow = 0n, middle = costLow, costHigh = middle] = [low, cost, high]
    .map((each) => each ?? 0n)
    .sort((a, b) => Number(a - b))
  return {
    ...NO_COST,
    cost: cost === undefined ? undefined : money(middle),
    costLow: low === undefined ? undefined : money(costLow),
    costHigh: high === undefined ? undefined : money(costHigh),
  }
})

test('the known cost of a chat with tools is between the bounds of the whole, whatever is unknown of it', () => {
  fc.assert(
    fc.property(fc.array(round, { maxLength: 4 }), fc.array(amount, { maxLength: 4 }), (rounds, calls) => {
      const budget = new ToolBudget(money(1n))
      for (const each of rounds) budget.addRound(each)
      for (const each of calls) budget.addCall(each === undefined ? undefined : money(each))
      const { cost, knownCost, bounds } = budget
      const { costLow = knownCost, costHigh } = bounds
      expect(costLow).toBeLessThanOrEqual(knownCost)
      if (costHigh !== undefined) expect(costHigh).toBeGreaterThanOrEqual(knownCost)
      if (cost !== undefined) expect(cost).toBe(knownCost)
    }),
  )
})
