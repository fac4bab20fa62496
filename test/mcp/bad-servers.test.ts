import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { INHERITED_VARIABLES } from '../../src/mcp/transport/inherited-variables.ts'
import { alice, bob, gatewayOf, isAlive, program, textOf } from './support.ts'

const good = program('raw')

test('a server whose command is missing is named in the list and hides nothing else', async () => {
  await using gateway = await gatewayOf({ good, gone: { command: '/no/such/program' } })
  const { tools, unavailable } = await gateway.listTools(alice)
  expect(tools.map(({ server }) => server)).toContain('good')
  expect(unavailable).toEqual([{ server: 'gone', reason: 'its command was not found' }])
})

test('a server that exits at once is restarted only after a backoff, and calls fail at once until then', async () => {
  await using gateway = await gatewayOf({ good, dying: program('raw', { MODE: 'dies' }) })
  const { unavailable } = await gateway.listTools(alice)
  expect(unavailable).toEqual([{ server: 'dying', reason: 'it ended before it was ready' }])
  expect(gateway.servers().find(({ name }) => name === 'dying')).toMatchObject({ state: 'backoff' })
})

test('a server that never responds does not delay the tools of the others', async () => {
  await using gateway = await gatewayOf({
    good,
    mute: program('raw', { MODE: 'mute' }, { startTimeoutMs: 30_000 }),
  })
  const startedAt = performance.now()
  expect(textOf(await gateway.callTool(alice, 'good__echo', { a: 1 }))).toBe('{"a":1}')
  expect(performance.now() - startedAt).toBeLessThan(4000)
  expect(gateway.unavailable()).toEqual([{ server: 'mute', reason: 'it is still starting' }])
})

test('list requests wait for a server that never responds only once, not on each of its starts', async () => {
  const mute = program('raw', { MODE: 'mute' }, { startTimeoutMs: 30_000 })
  await using gateway = await gatewayOf({ good, mute }, { listWaitMs: 700 })
  const msOfList = async (): Promise<number> => {
    const startedAt = performance.now()
    const { tools, unavailable } = await gateway.listTools(alice)
    expect(tools.map(({ server }) => server)).toContain('good')
    expect(unavailable).toEqual([{ server: 'mute', reason: 'it is still starting' }])
    return performance.now() - startedAt
  }
  expect(await msOfList()).toBeGreaterThan(600)
  expect(await msOfList()).toBeLessThan(300)
  await expect(gateway.callTool(alice, 'good__nothing', {})).rejects.toMatchObject({ code: 'not-found' })
})

test('a call that hangs ends at its deadline and the server stays usable', async () => {
  await using gateway = await gatewayOf({ good: program('raw', {}, { callTimeoutMs: 300 }) })
  await expect(gateway.callTool(alice, 'good__hang', {})).rejects.toMatchObject({ code: 'upstream-timeout' })
  expect(textOf(await gateway.callTool(alice, 'good__echo', {}))).toBe('{}')
})

test('a server that crashes on a call fails the call and is restarted after a backoff', async () => {
  await using gateway = await gatewayOf({ good }, { random: () => 0 })
  await expect(gateway.callTool(alice, 'good__crash', {})).rejects.toMatchObject({ code: 'upstream-failed' })
  await expect(gateway.callTool(alice, 'good__echo', {})).rejects.toMatchObject({
    code: 'upstream-down',
    details: { retryAfter: 1 },
  })
  // Another caller has its own connection, which did not crash.
  expect(textOf(await gateway.callTool(bob, 'good__echo', {}))).toBe('{}')
  await expect.poll(() => gateway.callTool(alice, 'good__echo', {}).then(textOf, () => 'down')).toBe('{}')
})

test('a server that floods is stopped while the others keep responding', async () => {
  await using gateway = await gatewayOf({ good, flooding: program('raw') })
  const flood = gateway.callTool(alice, 'flooding__flood', {}).then(
    () => 'answered',
    (error: { code: string }) => error.code,
  )
  expect(textOf(await gateway.callTool(alice, 'good__echo', { still: 'here' }))).toBe('{"still":"here"}')
  expect(await flood).toBe('upstream-failed')
})

test('garbage on standard output and a flood on standard error are ignored', async () => {
  await using gateway = await gatewayOf({
    garbage: program('raw', { MODE: 'garbage' }),
    noise: program('raw', { MODE: 'noise' }),
  })
  expect(textOf(await gateway.callTool(alice, 'garbage__echo', { a: 1 }))).toBe('{"a":1}')
})

test('a result larger than the limit is truncated with a note', async () => {
  await using gateway = await gatewayOf({ good: program('raw', {}, { maxResultBytes: 2048 }) })
  const result = await gateway.callTool(alice, 'good__big', { bytes: 100_000 })
  expect(textOf(result)).toMatch(/x\n\[cut: the result was larger than 2048 bytes\]$/)
  expect(result._meta).toMatchObject({ 'hero-aibroker/truncated': { limit: 2048 } })
})

test('a message of more than 16 MB fails the call with the reason', async () => {
  await using gateway = await gatewayOf({ good })
  await expect(gateway.callTool(alice, 'good__big', { bytes: 17 * 1024 * 1024 })).rejects.toMatchObject({
    code: 'upstream-failed',
    message: 'server “good” was cut off during the call: it sent a message of more than 16 MB',
  })
})

test.each([
  ['short', '1', 'tools: more than 64 pages; the rest is left out'],
  ['long', String(3 * 1024 * 1024), 'tools: more than 16 MB; the rest is left out'],
])(
  'an endless list of %s pages is cut off with a warning, and what was received is used',
  async (_, PAGE, warning) => {
    await using gateway = await gatewayOf({ good, endless: program('raw', { PAGE }) })
    const { tools, unavailable } = await gateway.listTools(alice)
    expect(tools.map(({ server }) => server)).toContain('good')
    expect(unavailable).toEqual([{ server: 'endless', reason: expect.stringContaining(warning) as string }])
    expect(gateway.servers().find(({ name }) => name === 'endless')?.warnings).toContain(warning)
  },
)

test('the limit of a list counts all of its pages, including the last', async () => {
  const PAGE = String(9 * 1024 * 1024)
  await using gateway = await gatewayOf({
    long: program('raw', { PAGE, PAGES: '2' }),
    short: program('raw', { PAGE, PAGES: '1' }),
  })
  const { tools, unavailable } = await gateway.listTools(alice)
  expect(unavailable.map(({ server }) => server)).toEqual(['long'])
  const of = (name: string) => tools.filter(({ server }) => server === name).length
  expect(of('long')).toBe(of('short'))
  expect(gateway.servers().find(({ name }) => name === 'long')?.warnings).toContain(
    'tools: more than 16 MB; the rest is left out',
  )
})

test('many list-changed notifications cause few reloads, not one each', async () => {
  await using gateway = await gatewayOf({ good })
  const listed = async () => Number(textOf(await gateway.callTool(alice, 'good__listed', {})))
  const before = await listed()
  await gateway.callTool(alice, 'good__storm', { times: 500 })
  await expect.poll(listed).toBeGreaterThan(before)
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect((await listed()) - before).toBeLessThan(5)
})

test.each([
  ['long fields beside its content', { content: [], _meta: { x: 'y'.repeat(9000) }, more: 'z'.repeat(9000) }],
  [
    'many small pictures',
    { content: Array.from({ length: 300 }, () => ({ type: 'image', data: '', mimeType: '' })) },
  ],
])('a result is truncated to the limit despite %s', async (_, result) => {
  await using gateway = await gatewayOf({ good: program('raw', {}, { maxResultBytes: 2048 }) })
  const cut = await gateway.callTool(alice, 'good__give', { result })
  expect(JSON.stringify(cut).length).toBeLessThan(3000)
  expect(cut._meta).toMatchObject({ 'hero-aibroker/truncated': { limit: 2048 } })
})

test('closing the gateway ends every process of the tree, including those that left the process group', async () => {
  const gateway = await gatewayOf({ good })
  const pids: number[] = JSON.parse(textOf(await gateway.callTool(alice, 'good__children', {})))
  pids.push(Number(textOf(await gateway.callTool(alice, 'good__pid', {}))))
  expect(pids.map(isAlive)).toEqual([true, true, true])
  await gateway.close()
  await expect.poll(() => pids.map(isAlive)).toEqual([false, false, false])
})

test('a server sees only the environment variables of its entry, and those that all servers inherit', async () => {
  process.env['SECRET_OF_THE_BROKER'] = 'key'
  await using gateway = await gatewayOf({ good: program('raw', { ITS_OWN: 'yes' }) })
  const seen = Object.keys(JSON.parse(textOf(await gateway.callTool(alice, 'good__env', {}))))
  delete process.env['SECRET_OF_THE_BROKER']
  const harmless: readonly string[] = INHERITED_VARIABLES
  expect(seen.filter((name) => !harmless.includes(name)).sort()).toEqual(['HERO_AIBROKER_TREE', 'ITS_OWN'])
})

test('the state of a caller on a server with sessions is invisible to other callers', async () => {
  await using gateway = await gatewayOf({ good })
  await gateway.callTool(alice, 'good__remember', { what: 'the secret of alice' })
  expect(textOf(await gateway.callTool(bob, 'good__recall', {}))).toBe('nothing')
  expect(textOf(await gateway.callTool(alice, 'good__recall', {}))).toBe('the secret of alice')
})

test('five hundred tools are listed once each, in order, and can be called', async () => {
  await using gateway = await gatewayOf({ good: program('raw', { MANY: '500' }) })
  const { tools } = await gateway.listTools(alice)
  const names = tools.map(({ definition }) => definition.name)
  expect(names.filter((name) => name.startsWith('good__tool_'))).toHaveLength(500)
  expect(names).toEqual([...names].sort())
  expect(textOf(await gateway.callTool(alice, 'good__tool_499', { n: 499 }))).toBe('{"n":499}')
})

test('a caller who disconnected before the start gets an error and causes no unhandled rejection', async () => {
  await using gateway = await gatewayOf({ dying: program('raw', { MODE: 'dies' }) })
  const left = AbortSignal.abort()
  await expect(gateway.callTool(alice, 'dying__echo', {}, { signal: left })).rejects.toMatchObject({
    code: expect.any(String),
  })
  // An unhandled rejection of the start would fail the test run.
  await expect.poll(() => gateway.servers()[0]?.state).toBe('backoff')
})

test('the error of a tool that repeats its server’s key is redacted', async () => {
  const key = 'sk-live-0123456789'
  await using gateway = await gatewayOf({ good: program('raw', { KEY: key }) })
  const result = await gateway.callTool(alice, 'good__blame', {})
  expect(result).toMatchObject({ isError: true })
  expect(textOf(result)).toBe('bad key ***')
})
