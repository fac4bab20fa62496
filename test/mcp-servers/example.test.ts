import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { binOf, servers } from './support.ts'

const read = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'))

test('the example configuration lists every bundled server, and each is a command of the package', () => {
  const { mcpServers } = read('mcp_servers.example.json') as {
    mcpServers: { name: string; command: string; disabled?: boolean }[]
  }
  const { bin } = read('package.json') as { bin: Record<string, string> }
  expect(mcpServers.map(({ command }) => command)).toEqual(servers.map(({ name }) => name))
  for (const { name } of servers) {
    expect(bin[name]).toBe(`bin/${name}.js`)
    expect(existsSync(binOf(name))).toBe(true)
  }
})

test('only the server that runs generated code is disabled in the example configuration', () => {
  const { mcpServers } = read('mcp_servers.example.json') as {
    mcpServers: { name: string; disabled?: boolean }[]
  }
  expect(mcpServers.filter(({ disabled }) => disabled === true).map(({ name }) => name)).toEqual(['hero'])
})
