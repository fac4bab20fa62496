import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { systemClock } from '../base/clock.ts'
import { guardJsonParse } from '../base/parse-json.ts'
import { serveHttp, parseListenAddress } from './shared/serve-http.ts'
import { mcpFactory } from './shared/server.ts'
import type { BundledServer } from './shared/server.ts'

/** Runs a bundled server with its command-line options until its input ends or a signal arrives. Returns the exit code. */
export async function runServer(server: BundledServer, args: readonly string[]): Promise<number> {
  guardJsonParse()
  const options = readOptions(args)
  if (options === undefined) return fail(usage(server))
  if (options.help === true) {
    process.stdout.write(`${usage(server)}\n`)
    return 0
  }
  return run(server, options.http)
}

async function run(server: BundledServer, http: string | undefined): Promise<number> {
  const stop = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.resolve())
  try {
    const isShared = http !== undefined
    const open = server.open({ env: process.env, clock: systemClock, random: Math.random, isShared })
    const factory = mcpFactory(server, open, { clock: systemClock, version: readVersion() })
    if (http === undefined) await serveStdioUntilEnd(factory, stop)
    else {
      await using listening = await serveHttp(factory, parseListenAddress(http))
      process.stderr.write(`${server.name} listens on ${listening.address}\n`)
      await stop.promise
    }
    return 0
  } catch (thrown) {
    return fail(thrown instanceof Error ? thrown.message : String(thrown))
  }
}

function readVersion(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(file) as { version: string }).version
}

async function serveStdioUntilEnd(factory: ReturnType<typeof mcpFactory>, stop: PromiseWithResolvers<void>) {
  const handle = serveStdio(factory, { onerror: (error) => void process.stderr.write(`${error.message}\n`) })
  process.stdin.once('close', () => stop.resolve())
  process.stdin.once('end', () => stop.resolve())
  await stop.promise
  await handle.close()
}

function readOptions(args: readonly string[]) {
  try {
    const options = { http: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const
    return parseArgs({ args: [...args], options }).values
  } catch {
    return undefined
  }
}

function usage(server: BundledServer): string {
  return [
    `${server.name}: ${server.instructions}`,
    '',
    `usage: ${server.name}                       speak MCP on standard input and output`,
    `       ${server.name} --http /path/mcp.sock  speak MCP over HTTP on a Unix socket, at /mcp`,
    `       ${server.name} --http 127.0.0.1:8901  the same on a loopback port`,
  ].join('\n')
}

function fail(message: string): number {
  process.stderr.write(`${message}\n`)
  return 2
}
