import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../src/base/clock.ts'
import { loadConfig } from '../../src/config/config.ts'
import type { Entry } from '../../src/ledger/types.ts'
import { startDaemon, type Daemon } from '../../src/daemon/start.ts'
import { scriptedUpstream, type Script, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { tempFolder } from '../support/temp-folder.ts'

/** A provider of the test's models: `up0` is tried first, then `up1`, and so on. */
export interface ScriptedProvider {
  /** The name of a built-in provider that it stands for, whose definition then applies. */
  readonly name?: string
  readonly script: Script
  /** Where its requests go instead of to the script; empty for a row with a command. */
  readonly baseUrl?: string
  readonly keys?: readonly string[]
  /** Further fields of its row in the models file. */
  readonly row?: string
  /** Capabilities of the model that it offers. */
  readonly capabilities?: readonly string[]
  readonly contextWindow?: number
  /** Its price, as fields of the models file; $1 and $2 per million tokens by default. An empty string is no price. */
  readonly price?: string
  /** The model that it offers; `m` by default. */
  readonly model?: string
  /** Its own name for the model; `m0` by default for the first one. */
  readonly modelId?: string
}

export interface BrokerWithProviders extends AsyncDisposable {
  readonly upstreams: readonly ScriptedUpstream[]
  readonly daemon: Daemon
  /** Number of requests that each provider has received. */
  seen(): number[]
  /** Sends a chat request and reads its response to the end. */
  sendChat(body?: object, headers?: Readonly<Record<string, string>>): Promise<ReceivedChat>
  /** Sends a request, a chat by default; call the result to disconnect without having read anything. */
  openChat(body: string, path?: string): () => void
  /** Calls a method as an administrator. Throws with the broker's error. */
  rpc(method: string, params?: object): Promise<unknown>
  /** Waits until no hold is open and returns the newest ledger entry. */
  entry(): Promise<Entry>
  /** Number of the broker's timers that are set and have not run. */
  readonly timers: number
  /** Moves the broker's clock forward without waiting. */
  skip(ms: number): void
}

/** The response that a caller received. */
export interface ReceivedChat {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly raw: string
  readonly chunks: readonly Chunk[]
  /** All content of the response. */
  readonly text: string
  /** The stream ended with `[DONE]`, or the response was a plain 200. */
  readonly isDone: boolean
  readonly finish: string | undefined
  readonly error: Chunk['error']
  readonly usage: Chunk['usage']
}

interface MessageContent {
  readonly content?: string
}

interface Chunk {
  readonly provider?: string
  readonly id?: string
  readonly choices?: readonly {
    readonly delta?: MessageContent
    readonly message?: MessageContent
    readonly finish_reason?: string | null
  }[]
  readonly error?: {
    readonly code: number
    readonly message: string
    readonly metadata: Readonly<Record<string, unknown>>
  }
  readonly usage?: {
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly cost: number
  }
}

/** Starts the whole broker in this process, on real sockets, with scripted providers on theirs. */
export async function startBrokerWithProviders(
  providers: readonly ScriptedProvider[],
  options: {
    readonly env?: Readonly<Record<string, string>>
    readonly over?: 'unix' | 'tcp'
    /** Providers keep no requests, for tests that send very many. */
    readonly discardsRequests?: boolean
    /** Further lines of every model in the models file. */
    readonly modelLine?: string
    /** The time that a timer of the broker takes, by the time that it should take. */
    readonly timerMs?: ((ms: number) => number) | undefined
  } = {},
): Promise<BrokerWithProviders> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(tempFolder())
  const upstreams: ScriptedUpstream[] = []
  for (const { script } of providers)
    upstreams.push(
      stack.use(
        await scriptedUpstream(script, { over: options.over, discardsRequests: options.discardsRequests }),
      ),
    )
  const modelsPath = join(folder.path, 'models.yml')
  writeFileSync(modelsPath, modelsFile(providers, upstreams, options.modelLine))
  const env = {
    HOME: folder.path,
    PATH_SOCKETS: join(folder.path, 's'),
    PATH_VAR: join(folder.path, 'v'),
    MODELS_CONFIG_PATH: modelsPath,
    AIBROKER_DETECT: 'off',
    AIBROKER_CATALOG: 'off',
    AIBROKER_DRAIN_TIMEOUT_S: '1',
    ...Object.fromEntries(providers.map(({ keys = ['sk-x'] }, nth) => [`UP${nth}_API_KEYS`, keys.join(',')])),
    ...options.env,
  }
  const clock = skippingClock(options.timerMs)
  const daemon = await startDaemon(loadConfig({ env, cwd: folder.path }), clock, SILENT)
  stack.defer(() => daemon.close())
  const keep = stack.move()
  return {
    upstreams,
    daemon,
    seen: () => upstreams.map(({ requests }) => requests.length),
    sendChat: (body = {}, headers = {}) => sendChat(daemon.sockets.rest, { ...HELLO, ...body }, headers),
    openChat: (body, path) => sendAndHangUp(daemon.sockets.rest, body, path),
    rpc: (method, params = {}) => callRpc(daemon.sockets.rpc, method, params),
    async entry() {
      while (daemon.services.ledger.openHolds().length > 0)
        await new Promise((resolve) => setImmediate(resolve))
      const [newest] = daemon.services.ledger.entries({ limit: 1 })
      if (newest === undefined) throw new Error('there is no entry')
      return newest
    },
    get timers() {
      return clock.timers
    },
    skip: (ms) => clock.skip(ms),
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  }
}

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }
const HELLO = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }

function modelsFile(
  providers: readonly ScriptedProvider[],
  upstreams: readonly ScriptedUpstream[],
  modelLine?: string,
): string {
  const names = [...new Set(providers.map(({ model = 'm' }) => model))]
  const models = names.map((name) => {
    const offers = [...providers.entries()].filter(([, { model = 'm' }]) => model === name)
    const backends = offers.map(
      ([
        nth,
        {
          name = `up${nth}`,
          modelId = `m${nth}`,
          contextWindow = 100_000,
          price = 'input_cost: 1, output_cost: 2, ',
        },
      ]) =>
        `      - { provider: ${name}, model_id: ${modelId}, priority: ${nth + 1}, ${price}context_window: ${contextWindow} }`,
    )
    const capabilities = offers.flatMap(([, { capabilities: own = [] }]) => own)
    return [
      `  ${name}:`,
      `    capabilities: [${capabilities.join(', ')}]`,
      ...(modelLine === undefined ? [] : [`    ${modelLine}`]),
      '    backends:',
      ...backends,
    ].join('\n')
  })
  const rows = upstreams.map(({ baseUrl }, nth) => {
    const { name = `up${nth}`, row, baseUrl: elsewhere = baseUrl } = providers[nth] ?? {}
    const more = row === undefined ? '' : `, ${row}`
    const at = elsewhere === '' ? '' : `base_url: "${elsewhere}", `
    return `  ${name}: { ${at}key_env: UP${nth}_API_KEY${more} }`
  })
  return ['models:', ...models, 'providers:', ...rows, ''].join('\n')
}

/** Sends one chat request to a Unix socket and reads its response to the end. */
export function sendChat(
  socketPath: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<ReceivedChat> {
  return new Promise((resolve, reject) => {
    const path = '/v1/chat/completions'
    const sent = { 'content-type': 'application/json', ...headers }
    const outgoing = request({ socketPath, path, method: 'POST', headers: sent }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () =>
        resolve(parseChat(response.statusCode ?? 0, response.headers, Buffer.concat(parts).toString())),
      )
    })
    outgoing.on('error', reject)
    outgoing.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
}

function sendAndHangUp(socketPath: string, body: string, path = '/v1/chat/completions'): () => void {
  const headers = { 'content-type': 'application/json' }
  const outgoing = request({ socketPath, path, method: 'POST', headers })
  outgoing.on('error', () => undefined)
  outgoing.end(body)
  return () => void outgoing.destroy()
}

async function callRpc(socketPath: string, method: string, params: object): Promise<unknown> {
  const text = await new Promise<string>((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const outgoing = request({ socketPath, path: '/rpc', method: 'POST', headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => resolve(Buffer.concat(parts).toString()))
    })
    outgoing.on('error', reject)
    outgoing.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  })
  const response = JSON.parse(text) as { result?: unknown; error?: unknown }
  if (response.error !== undefined) throw new Error(JSON.stringify(response.error))
  return response.result
}

function parseChat(status: number, headers: ReceivedChat['headers'], text: string): ReceivedChat {
  const isStream = String(headers['content-type']).startsWith('text/event-stream')
  const events = text.split('\n\n').filter((event) => event.startsWith('data: '))
  const datas = isStream ? events.map((event) => event.slice(6)) : [text]
  const chunks = datas.filter((data) => data !== '[DONE]').map((data) => JSON.parse(data) as Chunk)
  const choices = chunks.flatMap((chunk) => chunk.choices ?? [])
  const endings = choices.map((choice) => choice.finish_reason)
  return {
    status,
    headers,
    raw: text,
    chunks,
    text: choices.map(({ delta, message }) => (delta ?? message)?.content ?? '').join(''),
    isDone: isStream ? datas.at(-1) === '[DONE]' : status === 200,
    finish: endings.findLast((reason): reason is string => typeof reason === 'string'),
    error: chunks.find(({ error }) => error !== undefined)?.error,
    usage: chunks.findLast(({ usage }) => usage !== undefined)?.usage,
  }
}

interface SkippingClock extends Clock {
  readonly timers: number
  skip(ms: number): void
}

/** The system's clock with an offset: `skip` moves the time that is read, while timers run as usual. */
function skippingClock(timerMs = (ms: number): number => ms): SkippingClock {
  let skipped = 0
  const pending = new Set<() => void>()
  return {
    now: () => systemClock.now() + skipped,
    monotonic: () => systemClock.monotonic() + skipped,
    after(ms, run) {
      const cancel = systemClock.after(timerMs(ms), () => {
        pending.delete(cancel)
        run()
      })
      pending.add(cancel)
      return () => {
        pending.delete(cancel)
        cancel()
      }
    },
    get timers() {
      return pending.size
    },
    skip(ms) {
      skipped += ms
    },
  }
}
