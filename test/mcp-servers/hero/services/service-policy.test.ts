import { expect, test } from 'vitest'

import { isAllowed } from '../../../../src/mcp-servers/hero/services/service-policy.ts'

const method = (name: string, isAdminOnly = false) => ({
  name,
  isAdminOnly,
  summary: '',
  params: [],
  result: {},
  isPositional: false,
})

test("programs may call all but administrators' methods, unless the operator sets patterns", () => {
  expect(isAllowed(undefined, 'broker', method('usage.summary'))).toBe(true)
  expect(isAllowed(undefined, 'broker', method('mothers.add', true))).toBe(false)
  expect(isAllowed(['mothers.*'], 'broker', method('mothers.add', true))).toBe(true)
  expect(isAllowed(['mothers.*'], 'broker', method('usage.summary'))).toBe(false)
})

test('the operator’s patterns match methods with or without the service', () => {
  expect(isAllowed(['*'], 'a', method('b.c'))).toBe(true)
  expect(isAllowed(['usage.*'], 'a', method('models.usage.x'))).toBe(false)
  expect(isAllowed(['ledger/*'], 'broker', method('usage.summary'))).toBe(false)
  expect(isAllowed(['ledger/usage.summary'], 'ledger', method('usageXsummary'))).toBe(false)
})

test('the tools of other MCP servers are allowed only by a pattern that names them', () => {
  for (const patterns of [undefined, ['*'], ['*/*'], ['hero_aibroker/*'], ['*.call_tool'], ['m*']])
    expect(isAllowed(patterns, 'hero_aibroker', method('mcp.call_tool'))).toBe(false)
  for (const patterns of [['mcp.*'], ['mcp.call_tool'], ['hero_aibroker/mcp.*'], ['usage.*', '*/mcp.*']])
    expect(isAllowed(patterns, 'hero_aibroker', method('mcp.call_tool'))).toBe(true)
})
