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
  const calls = new ToolBudget(money(100n))
  calls.addCall(undefined)
  expect(calls.cost).toBeUndefined()
  expect(() => budget.check(money(5n))).not.toThrow()
  expect(() => budget.check(money(6n))).toThrow(/have cost/)
})
