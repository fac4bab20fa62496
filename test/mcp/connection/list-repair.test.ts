import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client'
import { describe, expect, test } from 'vitest'
import { type ListProblems, repairLists } from '../../../src/mcp/connection/list-repair.ts'

const good = { name: 'good', inputSchema: { type: 'object', properties: {} } }

describe('an odd tool leaves its neighbours in the list', () => {
  test.each([
    ['no type', { name: 'odd', inputSchema: { properties: {} } }, { type: 'object', properties: {} }],
    ['a null type', { name: 'odd', inputSchema: { type: null } }, { type: 'object' }],
    ['no schema', { name: 'odd' }, { type: 'object' }],
    ['a type list', { name: 'odd', inputSchema: { type: ['object', 'null'] } }, { type: 'object' }],
    ['a null description', { ...good, name: 'odd', description: null }, good.inputSchema],
    ['a description that is a number', { ...good, name: 'odd', description: 5 }, good.inputSchema],
    ['null annotations', { ...good, name: 'odd', annotations: null }, good.inputSchema],
    ['a null output schema', { ...good, name: 'odd', outputSchema: null }, good.inputSchema],
    [
      'an output schema of a list',
      { ...good, name: 'odd', outputSchema: { type: 'array' } },
      good.inputSchema,
    ],
    [
      'null properties',
      { name: 'odd', inputSchema: { type: 'object', properties: null } },
      { type: 'object' },
    ],
    [
      'a null property',
      { name: 'odd', inputSchema: { type: 'object', properties: { a: null } } },
      { type: 'object', properties: { a: {} } },
    ],
  ])('and is repaired: %s', (_what, odd, inputSchema) => {
    expect(received('tools/list', { tools: [good, odd] })).toEqual({
      result: { tools: [good, { name: 'odd', inputSchema }] },
      problems: [],
    })
  })

  test.each([
    [{ name: 'odd', inputSchema: { type: 'string' } }, 'odd: its input schema is not that of an object'],
    [{ name: 'odd', inputSchema: 'text' }, 'odd: its input schema is not that of an object'],
    [{ name: 'odd', inputSchema: { properties: [] } }, 'odd: its input schema is not that of an object'],
    [{ inputSchema: {} }, 'an item without a name: it has no name'],
    [{ ...good, name: 5 }, 'an item without a name: it has no name'],
    [null, 'an item without a name: it is no object'],
    ['text', 'an item without a name: it is no object'],
  ])('and is left out by name: %j', (odd, problem) => {
    expect(received('tools/list', { tools: [odd, good] })).toEqual({
      result: { tools: [good] },
      problems: [problem],
    })
  })
})

test('odd prompts, resources and templates are left out as well', () => {
  expect(
    received('prompts/list', { prompts: [{ name: 'p', description: null, arguments: null }, {}] }),
  ).toEqual({
    result: { prompts: [{ name: 'p' }] },
    problems: ['an item without a name: it has no name'],
  })
  expect(received('resources/list', { resources: [{ uri: 'a:b', name: null }, { name: 'r' }] })).toEqual({
    result: { resources: [{ uri: 'a:b', name: 'a:b' }] },
    problems: ['r: it has no uri'],
  })
  expect(
    received('resources/templates/list', { resourceTemplates: [{ uriTemplate: 'a:{b}', name: 'n' }, 5] }),
  ).toEqual({
    result: { resourceTemplates: [{ uriTemplate: 'a:{b}', name: 'n' }] },
    problems: ['an item without a name: it is no object'],
  })
})

test('a list that is none, and results of other requests, reach the SDK as they came', () => {
  expect(received('tools/list', { tools: null }).result).toEqual({ tools: null })
  expect(received('tools/call', { content: [], tools: [null] }).result).toEqual({
    content: [],
    tools: [null],
  })
})

test('a list that is loaded again starts with no problems', () => {
  const { transport, problems } = repairing()
  exchange(transport, 'tools/list', { tools: [null] })
  expect(problems.get('tools/list')).toHaveLength(1)
  exchange(transport, 'tools/list', { tools: [good] })
  expect(problems.get('tools/list')).toEqual([])
})

function received(method: string, result: Record<string, unknown>) {
  const { transport, problems } = repairing()
  return { result: exchange(transport, method, result), problems: problems.get(method) ?? [] }
}

function repairing() {
  const problems: ListProblems = new Map()
  const delivered: JSONRPCMessage[] = []
  const transport = {
    send: async () => undefined,
    onmessage: (message: JSONRPCMessage) => void delivered.push(message),
    delivered,
  }
  repairLists(transport as unknown as Transport, problems)
  return { transport: transport as unknown as Transport & { delivered: JSONRPCMessage[] }, problems }
}

let lastId = 0

/** What reaches the SDK as the result of a request. */
function exchange(
  transport: Transport & { delivered: JSONRPCMessage[] },
  method: string,
  result: Record<string, unknown>,
): unknown {
  const id = ++lastId
  void transport.send({ jsonrpc: '2.0', id, method })
  transport.onmessage?.({ jsonrpc: '2.0', id, result })
  const last = transport.delivered.at(-1)
  return last !== undefined && 'result' in last ? last.result : undefined
}
