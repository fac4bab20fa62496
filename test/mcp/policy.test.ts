import { expect, test } from 'vitest'
import { type Money, money } from '../../src/base/money.ts'
import type { ToolMeter, ToolOutcome } from '../../src/mcp/types.ts'
import { matchesAny } from '../../src/mcp/policy/wildcard.ts'
import { ToolPolicy } from '../../src/mcp/policy/tool-policy.ts'
import { alice, bob, gatewayOf, program, textOf, toolNames } from './support.ts'
import { manualClock } from './manual-clock.ts'

test('a caller can neither list nor call tools that its policy does not allow', async () => {
  await using gateway = await gatewayOf(
    { raw: program('raw') },
    { policies: [{ contexts: ['alice'], allow: ['raw__*'], deny: ['raw__crash'] }] },
  )
  const toolsOfAlice = await toolNames(gateway)
  expect(toolsOfAlice).toContain('raw__echo')
  expect(toolsOfAlice).not.toContain('raw__crash')
  await expect(gateway.callTool(alice, 'raw__crash', {})).rejects.toMatchObject({ code: 'forbidden' })
  expect((await gateway.listTools(bob)).tools).toEqual([])
  await expect(gateway.callTool(bob, 'raw__echo', {})).rejects.toMatchObject({ code: 'forbidden' })
})

test('tools excluded by the server’s entry are listed for no caller', async () => {
  await using gateway = await gatewayOf({ raw: program('raw', {}, { allow: ['e*'], deny: ['env'] }) })
  const { tools } = await gateway.listTools(alice)
  expect(tools.map(({ definition }) => definition.name)).toEqual(['raw__echo'])
})

test('the first policy whose address, context and token all match applies', () => {
  const policy = (more: object) => ({
    ips: undefined,
    contexts: undefined,
    tokens: undefined,
    allow: ['*'],
    deny: [],
    callsPerMinute: undefined,
    maxConcurrentCalls: undefined,
    ...more,
  })
  const policies = new ToolPolicy(
    [policy({ tokens: ['root'] }), policy({ ips: ['::1'], contexts: ['lab'], allow: ['a__*'] })],
    manualClock(),
  )
  expect(policies.mayUse({ ip: '::1', context: 'lab' }, 'a__x')).toBe(true)
  expect(policies.mayUse({ ip: '::1', context: 'lab' }, 'b__x')).toBe(false)
  expect(policies.mayUse({ ip: '::1', context: undefined }, 'a__x')).toBe(false)
  expect(policies.mayUse({ ip: '::2', context: 'lab' }, 'a__x')).toBe(false)
  expect(policies.mayUse({ ip: '::2', context: 'lab', token: 'root' }, 'b__x')).toBe(true)
})

test('calls per minute are counted per caller and refill over time', () => {
  const clock = manualClock()
  const limits = { ips: undefined, contexts: undefined, tokens: undefined, allow: ['*'], deny: [] }
  const policy = new ToolPolicy([{ ...limits, callsPerMinute: 2, maxConcurrentCalls: undefined }], clock)
  policy.startCall(alice)
  policy.startCall(alice)
  const refused = { code: 'over-limit', details: { retryAfter: 30 } }
  expect(() => policy.startCall(alice)).toThrow(expect.objectContaining(refused))
  policy.startCall(bob)
  clock.advance(30_000)
  policy.startCall(alice)
  expect(() => policy.startCall(alice)).toThrow(expect.objectContaining(refused))
})

test('callers with a new context on each call neither fill the memory nor slow others down', () => {
  const limits = { ips: undefined, contexts: undefined, tokens: undefined, allow: ['*'], deny: [] }
  const policy = new ToolPolicy(
    [{ ...limits, callsPerMinute: 1, maxConcurrentCalls: undefined }],
    manualClock(),
  )
  const otherCaller = (nr: number) => ({ ip: '::1', context: `stranger ${nr}` })
  for (let nr = 0; nr < 100_000; nr++) policy.startCall(otherCaller(nr))()
  expect(() => policy.startCall(otherCaller(99_999))).toThrow(expect.objectContaining({ code: 'over-limit' }))
  expect(() => policy.startCall(otherCaller(90_000))).toThrow(expect.objectContaining({ code: 'over-limit' }))
  // This caller was evicted, which has the effect of a minute passing.
  policy.startCall(otherCaller(89_999))
})

test('a caller that calls often is not evicted by many other callers', () => {
  const limits = { ips: undefined, contexts: undefined, tokens: undefined, allow: ['*'], deny: [] }
  const policy = new ToolPolicy(
    [{ ...limits, callsPerMinute: 10, maxConcurrentCalls: undefined }],
    manualClock(),
  )
  for (let nr = 0; nr < 90_000; nr++) {
    if (nr % 9_000 === 0) policy.startCall(alice)()
    policy.startCall({ ip: '::1', context: `stranger ${nr}` })()
  }
  expect(() => policy.startCall(alice)).toThrow(expect.objectContaining({ code: 'over-limit' }))
})

test('running calls stay counted however many other callers arrive', () => {
  const limits = { ips: undefined, contexts: undefined, tokens: undefined, allow: ['*'], deny: [] }
  const policy = new ToolPolicy(
    [{ ...limits, callsPerMinute: undefined, maxConcurrentCalls: 1 }],
    manualClock(),
  )
  const leave = policy.startCall(alice)
  for (let nr = 0; nr < 50_000; nr++) policy.startCall({ ip: '::1', context: `stranger ${nr}` })()
  expect(() => policy.startCall(alice)).toThrow(expect.objectContaining({ code: 'over-limit' }))
  leave()
  policy.startCall(alice)
})

test('no more calls than maxConcurrentCalls run at once', () => {
  const limits = { ips: undefined, contexts: undefined, tokens: undefined, allow: ['*'], deny: [] }
  const policy = new ToolPolicy(
    [{ ...limits, callsPerMinute: undefined, maxConcurrentCalls: 1 }],
    manualClock(),
  )
  const leave = policy.startCall(alice)
  expect(() => policy.startCall(alice)).toThrow(expect.objectContaining({ code: 'over-limit' }))
  leave()
  policy.startCall(alice)
})

test('every call is metered: at its price once it is sent, at zero before', async () => {
  const entries: [string, Money | undefined, Pick<ToolOutcome, 'status' | 'cost'>][] = []
  const meter: ToolMeter = {
    start: async ({ tool, price }) => ({
      settle: ({ status, cost }) => entries.push([tool, price, { status, cost }]),
    }),
  }
  await using gateway = await gatewayOf(
    {
      raw: program('raw', {}, { prices: { echo: '0.001', '*': '0.002' }, callTimeoutMs: 300 }),
      other: program('raw'),
    },
    { meter, random: () => 1 },
  )
  await gateway.callTool(alice, 'other__echo', {})
  await gateway.callTool(alice, 'raw__echo', {})
  await gateway.callTool(alice, 'raw__hang', {}).catch(() => undefined)
  await gateway.callTool(alice, 'raw__crash', {}).catch(() => undefined)
  await gateway.callTool(alice, 'raw__echo', {}).catch(() => undefined)
  const [thousandth, two, nothing] = [money(1_000_000n), money(2_000_000n), money(0n)]
  expect(entries).toEqual([
    // No price is configured.
    ['other__echo', undefined, { status: 'finished', cost: undefined }],
    ['raw__echo', thousandth, { status: 'finished', cost: thousandth }],
    ['raw__hang', two, { status: 'failed', cost: two }],
    ['raw__crash', two, { status: 'failed', cost: two }],
    ['raw__echo', thousandth, { status: 'failed', cost: nothing }],
  ])
})

test('a call that the meter rejects is not sent to the server', async () => {
  const meter: ToolMeter = {
    async start() {
      throw new Error('no money')
    },
  }
  await using gateway = await gatewayOf({ raw: program('raw') }, { meter })
  await expect(gateway.callTool(alice, 'raw__remember', { what: 'x' })).rejects.toThrow('no money')
  expect(gateway.servers()[0]).toMatchObject({ connections: 1 })
})

test.each([
  ['*', 'anything', true],
  ['a__*', 'a__b', true],
  ['a__*', 'b__a__b', false],
  ['*_file', 'read_file', true],
  ['*_file', 'read_files', false],
  ['a*b*c', 'a1b2b3c', true],
  ['', '', true],
  ['a.c', 'abc', false],
])('the pattern “%s” matches “%s”: %s', (pattern, name, fits) => {
  expect(matchesAny([pattern], name)).toBe(fits)
})

test('matching a hostile pattern is fast', () => {
  const startedAt = performance.now()
  expect(matchesAny([`${'*a'.repeat(200)}b`], 'a'.repeat(2000))).toBe(false)
  expect(performance.now() - startedAt).toBeLessThan(500)
})

test('callers with different contexts get different connections', async () => {
  await using gateway = await gatewayOf({ raw: program('raw') })
  const pids = []
  for (const caller of [alice, bob, alice]) pids.push(textOf(await gateway.callTool(caller, 'raw__pid', {})))
  expect(pids[0]).toBe(pids[2])
  expect(pids[0]).not.toBe(pids[1])
})
