import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { systemClock } from '../base/clock.ts'
import { guardJsonParse } from '../base/parse-json.ts'
import { DrainTimer } from '../runtime/drain-timer.ts'
import { ignoreStreamErrors } from '../runtime/output/standard-streams.ts'
import { reportOutputError, writeOrExit } from '../runtime/output/write-or-exit.ts'
import { ProgramSignals } from '../runtime/signals.ts'
import { diagnostics } from './shared/serve/diagnostics.ts'
import { RunningCalls } from './shared/serve/running-calls.ts'
import { serveHttp, parseListenAddress } from './shared/serve/serve-http.ts'
import { mcpFactory } from './shared/server.ts'
import type { BundledServer } from './shared/server.ts'

/** Runs a bundled server with its command-line options until its input ends or a signal arrives. Returns the exit code. */
export async function runServer(server: BundledServer, args: readonly string[]): Promise<number> {
  guardJsonParse()
  const options = readOptions(args)
  if (options === undefined) return fail(usage(server))
  if (options.help === true) {
    writeOrExit(server.name, `${usage(server)}\n`)
    return 0
  }
  return run(server, options.http)
}

/** How long running calls may continue after a signal. */
const DRAIN_TIMEOUT_MS = 10_000

async function run(server: BundledServer, http: string | undefined): Promise<number> {
  const stop = stopOnSignals()
  ignoreStreamErrors()
  try {
    const isShared = http !== undefined
    const open = server.open({ env: process.env, clock: systemClock, random: Math.random, isShared })
    const calls = new RunningCalls()
    const factory = mcpFactory(server, open, { clock: systemClock, version: readVersion(), calls })
    if (http === undefined) return await serveStdioUntilEnd(server, { factory, calls, stop })
    else {
      const listening = await serveHttp(factory, parseListenAddress(http))
      diagnostics.write(`${server.name} listens on ${listening.address}\n`)
      await stop.requested
      await listening.close(idleWithin(calls, stop.timer), stop.timer)
    }
    return 0
  } catch (thrown) {
    return fail(thrown instanceof Error ? thrown.message : String(thrown))
  }
}

interface Stop {
  readonly requested: Promise<void>
  readonly timer: DrainTimer
}

/** The settings are environment variables, so SIGHUP has nothing to read again. */
function stopOnSignals(): Stop {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = new DrainTimer(systemClock, DRAIN_TIMEOUT_MS)
  new ProgramSignals().serve({
    reload: () => Promise.resolve(),
    drain: () => resolve(),
    quit() {
      timer.hurry()
      resolve()
    },
  })
  return { requested: promise, timer }
}

/** Resolves when no call is running, or when the time is over. */
function idleWithin(calls: RunningCalls, timer: DrainTimer): Promise<void> {
  return new Promise((resolve) => {
    const cancel = timer.after(0, resolve)
    void calls.idle().then(() => {
      cancel()
      // The result of the last call is written first.
      setImmediate(resolve)
    })
  })
}

function readVersion(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(file) as { version: string }).version
}

/** Returns the exit code: 1 when the responses can't be written, though the client is there. */
async function serveStdioUntilEnd(
  { name }: BundledServer,
  { factory, calls, stop }: { factory: ReturnType<typeof mcpFactory>; calls: RunningCalls; stop: Stop },
): Promise<number> {
  let outputError: Error | undefined
  const onerror = (error: Error): void => {
    if (error !== outputError) diagnostics.write(`${error.message}\n`)
  }
  const inputEnded = new Promise<void>((resolve) => {
    process.stdin.once('close', resolve)
    process.stdin.once('end', resolve)
    process.stdout.once('error', (error) => {
      outputError = error
      resolve()
    })
  })
  const handle = serveStdio(factory, { onerror })
  const ended = inputEnded.then(() => stop.timer.hurry())
  await Promise.race([stop.requested, ended])
  await idleWithin(calls, stop.timer)
  await handle.close()
  return outputError === undefined ? 0 : reportOutputError(name, outputError)
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
  diagnostics.write(`${message}\n`)
  return 2
}
