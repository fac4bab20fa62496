import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { startMcpServer } from '../server/mcp/support.ts'
import { temporaryFolder, textOf } from './support.ts'

/** A published server from the development dependencies. */
function published(name: string, args: string[]): object {
  const file = fileURLToPath(
    new URL(`../../node_modules/@modelcontextprotocol/${name}/dist/index.js`, import.meta.url),
  )
  return { command: process.execPath, args: [file, ...args] }
}

test.each([
  ['2026-07-28', { pin: '2026-07-28' } as const],
  ['2025-11-25', 'legacy' as const],
])('the official client of %s uses the two best-known servers through the broker', async (_, mode) => {
  using folder = temporaryFolder()
  mkdirSync(`${folder.path}/files`)
  writeFileSync(`${folder.path}/files/hello.txt`, 'hello from a file')
  const files = realpathSync(`${folder.path}/files`)
  await using server = await startMcpServer({
    everything: published('server-everything', ['stdio']),
    files: published('server-filesystem', [files]),
  })
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`)))
  try {
    const names = (await client.listTools()).tools.map(({ name }) => name)
    expect(names.filter((name) => name.startsWith('everything__')).length).toBeGreaterThan(8)
    expect(names.filter((name) => name.startsWith('files__')).length).toBeGreaterThan(10)
    const sum = await client.callTool({ name: 'everything__get-sum', arguments: { a: 2, b: 3 } })
    expect(textOf(sum)).toContain('5')
    const path = `${files}/hello.txt`
    const read = await client.callTool({ name: 'files__read_text_file', arguments: { path } })
    expect(textOf(read)).toBe('hello from a file')
    const outside = await client.callTool({
      name: 'files__read_text_file',
      arguments: { path: '/etc/passwd' },
    })
    expect(outside.isError).toBe(true)
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toContain(
      'everything__simple-prompt',
    )
    const [resource] = (await client.listResources()).resources
    expect((await client.readResource({ uri: resource?.uri ?? '' })).contents).toHaveLength(1)
  } finally {
    await client.close()
  }
})
