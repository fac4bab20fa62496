/**
 * The real daemon as a process of its own, in a folder of its own, on real sockets:
 *
 *     await using upstream = await scriptedUpstream([sse(chatChunk('one'), finishChunk(), done)])
 *     await using broker = await startBroker({ env: openaiAt(upstream) })
 *     const response = await broker.post('/v1/chat/completions', { model: 'gpt-4o-mini', messages })
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sendRequest, type HttpResponse, type HttpRequest } from './open-request.ts'
import { tempFolder } from './temp-folder.ts'

/** The program that users start; it keeps compiled code from one start to the next. */
const DAEMON = join(import.meta.dirname, '..', '..', 'bin', 'hero_aibroker_server.js')

export interface BrokerOptions {
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly args?: readonly string[] | undefined
  /** A folder that outlives the broker, for tests that restart it. */
  readonly folder?: string | undefined
  /** File descriptors that its outputs go to, instead of `stdout()` and `stderr()`. */
  readonly outputs?: { readonly stdout?: number; readonly stderr?: number } | undefined
}

/** The exit code and the output of a process. */
export interface ProcessExit {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One row of `request_logs`, as `sqlite3` shows it. */
export type LogRow = Readonly<Record<string, string | number | bigint | null>>

export interface Broker extends AsyncDisposable {
  readonly pid: number
  /** Holds `s` (sockets) and `v` (data). */
  readonly folder: string
  readonly sockets: {
    readonly folder: string
    readonly rest: string
    readonly rpc: string
    readonly web: string
  }
  /** Port of the TCP listener; 0 when there is none. */
  readonly port: number
  /** From the start of the process to the banner. */
  readonly readyMs: number
  stdout(): string
  stderr(): string
  /** Sends a GET request to `rest.sock`, unless `more` names another address. */
  get(path: string, more?: Partial<HttpRequest>): Promise<HttpResponse>
  post(path: string, body: unknown, more?: Partial<HttpRequest>): Promise<HttpResponse>
  /** The result of one call on `rpc.sock`. */
  rpc(method: string, params?: object): Promise<unknown>
  /** One row per response that was sent, oldest first. */
  rows(): LogRow[]
  openHolds(): number
  /** Ids of the rows that belong to one response. */
  groupOf(id: string): string[]
  signal(signal: NodeJS.Signals): void
  readonly ended: Promise<ProcessExit>
}

/** Resolves when the banner has been printed; rejects with the daemon's error output when it exits instead. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const own = options.folder === undefined ? tempFolder() : undefined
  const folder = options.folder ?? own?.path ?? ''
  const process = launch({ ...options, folder })
  const startedAt = performance.now()
  const isReady = await Promise.race([waitForBanner(process), process.ended.then(() => false)])
  if (!isReady) {
    own?.[Symbol.dispose]()
    const { exit, stderr } = await process.ended
    throw new Error(`the daemon ended with ${exit}: ${stderr}`)
  }
  return { ...brokerOn(process, folder, performance.now() - startedAt), [Symbol.asyncDispose]: dispose }

  async function dispose(): Promise<void> {
    process.child.kill('SIGKILL')
    await process.ended
    own?.[Symbol.dispose]()
  }
}

/** A daemon that may not be ready yet. */
export interface StartingBroker extends Broker {
  /** Resolves when the banner has been printed; rejects when the daemon exits instead. */
  readonly ready: Promise<void>
}

/** Launches the daemon and does not wait until it is ready. */
export function launchBroker(options: BrokerOptions = {}): StartingBroker {
  const own = options.folder === undefined ? tempFolder() : undefined
  const folder = options.folder ?? own?.path ?? ''
  const process = launch({ ...options, folder })
  const ready = Promise.race([
    waitForBanner(process).then(() => undefined),
    process.ended.then(({ exit, stderr }) => {
      throw new Error(`the daemon ended with ${exit}: ${stderr}`)
    }),
  ])
  ready.catch(() => undefined)
  return {
    ...brokerOn(process, folder, Number.NaN),
    ready,
    async [Symbol.asyncDispose]() {
      process.child.kill('SIGKILL')
      await process.ended
      own?.[Symbol.dispose]()
    },
  }
}

/** Runs a daemon that is expected to exit by itself. */
export async function runUntilExit(options: BrokerOptions): Promise<ProcessExit> {
  using own = tempFolder()
  const process = launch({ ...options, folder: options.folder ?? own.path })
  const isReady = await Promise.race([waitForBanner(process), process.ended.then(() => false)])
  if (isReady) process.child.kill('SIGKILL')
  const ended = await process.ended
  if (isReady) throw new Error(`the daemon started:\n${ended.stdout}`)
  return ended
}

interface Launched {
  readonly child: ChildProcess
  readonly output: { stdout: string; stderr: string }
  readonly ended: Promise<ProcessExit>
}

/** Of this process's environment, the daemon gets only `PATH` and the number of workers. */
function launch({ env, args = [], folder = '', outputs = {} }: BrokerOptions): Launched {
  const child = spawn(process.execPath, [DAEMON, ...args], {
    cwd: folder,
    stdio: ['ignore', outputs.stdout ?? 'pipe', outputs.stderr ?? 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      HERO_SOCKET_DIR: join(folder, 's'),
      PATH_VAR: join(folder, 'v'),
      AIBROKER_DETECT: 'off',
      AIBROKER_CATALOG: 'off',
      // `AIBROKER_WORKERS=2 npx vitest run test/daemon` runs the same tests with workers.
      AIBROKER_WORKERS: process.env['AIBROKER_WORKERS'] ?? '1',
      ...env,
    },
  })
  // A test that timed out leaves no process behind either.
  const killOnExit = () => child.kill('SIGKILL')
  process.once('exit', killOnExit)
  child.once('close', () => process.off('exit', killOnExit))
  const output = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const ended = once(child, 'close').then(([exit]) => ({ exit: exit as number | null, ...output }))
  return { child, output, ended }
}

/** Resolves with true when the banner's last line, the curl command, has been printed. */
function waitForBanner({ child, output }: Launched): Promise<boolean> {
  return new Promise((resolve) => {
    child.stdout?.on('data', () => {
      if (/^ {2}curl .*\n/m.test(output.stdout)) resolve(true)
    })
  })
}

function brokerOn({ child, output, ended }: Launched, folder: string, readyMs: number) {
  const sockets = join(folder, 's', 'hero_aibroker')
  const rest = join(sockets, 'rest.sock')
  const rpcSocket = join(sockets, 'rpc.sock')
  const post: Broker['post'] = (path, body, more) =>
    sendRequest({ socketPath: rest, method: 'POST', path, body, ...more })
  return {
    pid: child.pid ?? 0,
    folder,
    sockets: { folder: sockets, rest, rpc: rpcSocket, web: join(sockets, 'web_v1.sock') },
    port: Number(/^ {2}tcp .*:(\d+)$/m.exec(output.stdout)?.[1] ?? 0),
    readyMs,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    get: (path: string, more?: Partial<HttpRequest>) =>
      sendRequest({ socketPath: rest, method: 'GET', path, ...more }),
    post,
    async rpc(method: string, params: object = {}) {
      const call = { jsonrpc: '2.0', id: 1, method, params }
      const { json } = await post('/rpc', call, { socketPath: rpcSocket })
      return (json as { result: unknown }).result
    },
    rows() {
      waitUntilSettled(folder)
      return query(folder, 'SELECT * FROM request_logs ORDER BY rowid')
    },
    openHolds: () => query(folder, 'SELECT * FROM holds').length,
    groupOf: (id: string) =>
      query(folder, 'SELECT id, group_id FROM request_groups')
        .filter((row) => row['group_id'] === id)
        .map((row) => String(row['id'])),
    signal: (signal: NodeJS.Signals) => void child.kill(signal),
    ended,
  }
}

/** A row is written a few milliseconds after its response was sent; until then its hold is open. Requests still running are not awaited. */
const SETTLED_WITHIN_MS = 250

function waitUntilSettled(folder: string): void {
  const endMs = performance.now() + SETTLED_WITHIN_MS
  while (performance.now() < endMs && query(folder, 'SELECT 1 FROM holds LIMIT 1').length > 0)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
}

function query(folder: string, sql: string): LogRow[] {
  const path = join(folder, 'v', 'hero_aibroker', 'requests.db')
  if (!existsSync(path)) return []
  using database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  return database.prepare(sql).all() as LogRow[]
}
