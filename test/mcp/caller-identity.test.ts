import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { CallerCredentials } from '../../src/auth/caller-credentials.ts'
import { parseMcpConfig } from '../../src/mcp/config/config.ts'
import { CALLER_META_KEY, createCallerIdentity } from '../../src/mcp/policy/caller-identity.ts'
import { binOf } from '../mcp-servers/support.ts'
import { alice, gatewayOf, program, textOf } from './support.ts'

const fileOf = (server: object) =>
  parseMcpConfig(JSON.stringify({ mcpServers: { one: server } }), { file: 'test.json', environment: {} })

const configOf = (server: object) => fileOf(server).servers[0]

const heroFile = binOf('mcp_hero')

test.each([
  ['our mcp_hero by its file', { command: heroFile }],
  ['our mcp_hero under Node', { command: process.execPath, args: [heroFile] }],
  ['our mcp_hero by its bare name', { command: 'mcp_hero' }],
  ['another program of ours that is marked', { command: binOf('mcp_ping'), forwardCaller: true }],
])('%s learns its callers', (_name, server) => {
  expect(configOf(server)?.forwardCaller).toBe(true)
})

test.each([
  ['our mcp_hero that is marked as not learning them', { command: heroFile, forwardCaller: false }],
  ['another program of ours', { command: binOf('mcp_ping') }],
  ['a foreign program of the same name', { command: '/usr/bin/env', args: ['mcp_hero'] }],
  ['our program behind a shell', { command: 'sh', args: ['-c', heroFile] }],
  ['our program behind an option of Node', { command: 'node', args: ['--import', 'data:,', heroFile] }],
  ['a file whose path ends alike', { command: '/tmp/bin/mcp_hero.js' }],
  ['a server behind a URL', { url: 'http://127.0.0.1:1/mcp' }],
  ['a server on a socket', { url: 'unix:/tmp/mcp_hero.sock' }],
])('%s does not learn its callers', (_name, server) => {
  expect(configOf(server)?.forwardCaller).toBe(false)
})

test.each([
  ['a foreign program', { command: '/usr/bin/env', args: ['mcp_hero'] }],
  ['a server behind a URL', { url: 'unix:/tmp/mcp_hero.sock' }],
])('%s that is marked is left out', (_name, server) => {
  const { servers, problems } = fileOf({ ...server, forwardCaller: true })
  expect(servers).toEqual([])
  expect(problems).toMatchObject([
    { server: 'one', reason: expect.stringMatching(/one\.forwardCaller: only a program/) },
  ])
})

test('a foreign server never receives the caller, nor can a caller send one', async () => {
  const credentials = new CallerCredentials({ clock: systemClock, tokens: { list: () => [] } })
  await using gateway = await gatewayOf(
    { raw: program('raw') },
    { identity: createCallerIdentity({ credentials }) },
  )
  const trace = { traceparent: '00-1-1-01' }
  const sent = textOf(await gateway.callTool(alice, 'raw__meta', {}, { trace }))
  expect(sent).toContain('traceparent')
  expect(sent).not.toContain(CALLER_META_KEY)
  expect(credentials.size).toBe(0)
})

test('a marked server receives the caller, and the credential ends with the call', async () => {
  const credentials = new CallerCredentials({ clock: systemClock, tokens: { list: () => [] } })
  const identity = createCallerIdentity({ credentials, socketFolder: '/run/broker' })
  const { meta, end } = identity.begin({ caller: alice, server: 'hero', call: 'gen-1' })
  const { credential, ...rest } = meta[CALLER_META_KEY] as { credential: string }
  expect(rest).toEqual({ ip: 'local', context: 'alice', token: undefined, sockets: '/run/broker' })
  expect(credentials.find(credential).caller).toEqual(alice)
  end()
  expect(() => credentials.find(credential)).toThrow(/no running tool call/)
})
