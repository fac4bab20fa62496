import { expect, test } from 'vitest'
import { program } from '../../mcp/support.ts'
import { mcpFile } from '../../support/mcp-file.ts'
import { runInProcess } from '../../support/run-cli.ts'
import { startBroker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

test('tools are listed, searched and called on the command line', async () => {
  using folder = tempFolder()
  const { env } = mcpFile(folder.path, {
    raw: program('raw', {}, { prices: { echo: '0.001' } }),
    gone: { command: '/no/such/program' },
  })
  await using broker = await startBroker({ folder: folder.path, env })
  const here = (...argv: string[]) => runInProcess(['--socket', broker.sockets.rpc, ...argv])

  const list = await here('tools')
  expect(list.out).toMatch(/^TOOL +SERVER +DESCRIPTION$/m)
  expect(list.out).toMatch(/^raw__echo +raw +says it again$/m)
  expect(list.out).toContain('! gone: its command was not found')

  const found = async (...options: string[]): Promise<object[]> => {
    const { out } = await here('tools', ...options, '--json')
    return (JSON.parse(out) as { tools: object[] }).tools
  }
  expect(await found('--search', 'again')).toMatchObject([
    { name: 'raw__echo', server: 'raw', price_usd: '0.001' },
  ])
  expect((await here('tools', '--server', 'gone')).out).toContain('No tools are available')

  expect(await here('tools', 'call', 'raw__echo', '{"a": 1}')).toMatchObject({ exit: 0, out: '{"a":1}\n' })
  const result = JSON.parse((await here('tools', 'call', 'raw__echo', '--json')).out) as object
  expect(result).toMatchObject({ content: [{ type: 'text', text: '{}' }] })
  expect(await here('tools', 'call', 'raw__echo', '[1]')).toMatchObject({ exit: 2 })
  expect(await here('tools', 'call', 'raw__nothing')).toMatchObject({ exit: 5 })
  expect(await here('tools', 'call', 'raw__crash')).toMatchObject({ exit: 8 })

  expect(await broker.rpc('mcp.servers')).toMatchObject([
    { name: 'raw', era: 'legacy', tools: (await found('--server', 'raw')).length, held: [] },
    // The state depends on whether the backoff is over, which it may be on a slow machine.
    {
      name: 'gone',
      state: expect.stringMatching(/^(backoff|stopped)$/) as string,
      problem: 'its command was not found',
    },
  ])
  const rows = broker.rows().map(({ kind, model, status }) => [kind, model, status])
  expect(rows).toEqual([
    ['tool', 'raw__echo', 'finished'],
    ['tool', 'raw__echo', 'finished'],
    ['tool', 'raw__crash', 'failed'],
  ])
})

test('a model calls a tool of the command line, and the ledger has rows for both', async () => {
  using folder = tempFolder()
  const { env } = mcpFile(folder.path, { raw: program('raw', {}, { prices: { echo: '0.001' } }) })
  await using broker = await startBroker({ folder: folder.path, env })
  const question = 'loopback: call raw__echo {"a": 1}'
  const run = await runInProcess([
    'chat',
    question,
    '--tools',
    'raw__*',
    '--yes',
    '--socket',
    broker.sockets.rpc,
  ])
  expect(run).toMatchObject({
    exit: 0,
    out: expect.stringContaining('The tool said “{"a":1}”') as string,
    // Before it, a busy machine may say that it waits.
    err: expect.stringMatching(/tool raw__echo \{"a": 1\} \(\$0\.001\)\nresult \{"a":1\}\n$/) as string,
  })
  const rows = broker.rows().map(({ kind, status, cost_nano }) => [kind, status, cost_nano])
  expect(rows).toEqual([
    ['chat', 'finished', 0],
    ['tool', 'finished', 1_000_000],
    ['chat', 'finished', 0],
  ])
})

test('without MCP servers the list of tools is empty and exits with 0', async () => {
  await using broker = await startBroker()
  const here = (...argv: string[]) => runInProcess(['--socket', broker.sockets.rpc, ...argv])
  expect(await here('tools')).toMatchObject({
    exit: 0,
    out: expect.stringContaining('No tools are available'),
  })
  expect(await here('tools', 'call', 'x')).toMatchObject({
    exit: 5,
    err: expect.stringContaining('MCP_CONFIG_PATH'),
  })
  expect(await broker.rpc('mcp.servers')).toEqual([])
})
