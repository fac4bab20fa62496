import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CallToolResult, type InputRequiredResult, isCallToolResult } from '@modelcontextprotocol/client'
import { systemClock } from '../../src/base/clock.ts'
import { parseMcpConfig } from '../../src/mcp/config/config.ts'
import { type McpGateway, type McpGatewayOptions, createMcpGateway } from '../../src/mcp/mcp-gateway.ts'
import type { ToolCaller } from '../../src/mcp/policy/tool-policy.ts'

export const alice: ToolCaller = { ip: 'local', context: 'alice' }
export const bob: ToolCaller = { ip: 'local', context: 'bob' }

export const silentLog = { info: () => undefined, warn: () => undefined, debug: () => undefined }

/** A configuration entry that starts one of the servers in `servers/`. */
export function program(file: string, env: Record<string, string> = {}, more: object = {}): object {
  const path = fileURLToPath(new URL(`./servers/${file}.ts`, import.meta.url))
  return { command: process.execPath, args: [path], env, ...more }
}

/** A gateway over the given servers (map form), closed with all its processes when it goes out of scope. */
export async function gatewayOf(
  mcpServers: object,
  { policies = [], ...options }: Partial<McpGatewayOptions> & { policies?: object[] } = {},
) {
  const config = parseMcpConfig(JSON.stringify({ mcpServers, policies }), {
    file: 'test.json',
    environment: {},
  })
  const gateway = await createMcpGateway({
    config,
    version: '0',
    clock: systemClock,
    log: silentLog,
    ...options,
  })
  return Object.assign(gateway, { [Symbol.asyncDispose]: () => gateway.close() })
}

export function textOf(result: CallToolResult | InputRequiredResult): string {
  if (!isCallToolResult(result)) throw new Error('the call requires input')
  const [block] = result.content
  return block?.type === 'text' ? block.text : `[${block?.type}]`
}

export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'mcp-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Whether a process runs; one that ended but was not reaped by its parent counts as dead. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** The names of the listed tools. */
export async function toolNames(gateway: Pick<McpGateway, 'listTools'>, caller = alice): Promise<string[]> {
  return (await gateway.listTools(caller)).tools.map(({ definition }) => definition.name)
}
