import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { BundledServer } from '../../src/mcp-servers/shared/server.ts'

/** A vendor's response: JSON unless `body` is text or bytes. */
export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Never respond. */
  readonly stall?: boolean
}

/** A request as the replica received it, without its key. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: unknown
  readonly key: string | undefined
  readonly lastQueryField: string | undefined
}

/** One vendor's documented API, as data. */
export interface VendorSpec {
  readonly server: BundledServer
  /** The variable that the error names when there is no key. */
  readonly keysVariable: string
  readonly urlVariables: readonly string[]
  /** Where the vendor expects the key. */
  readonly keyIn: 'header x-api-key' | 'query api_key' | 'query key'
  /** Path → field names that the vendor documents; the response to any other is 400. */
  readonly paths: Readonly<Record<string, readonly string[]>>
  /** A call that succeeds, and the vendor's response to it. */
  readonly good: { readonly tool: string; readonly args: Record<string, unknown>; readonly reply: Reply }
  readonly errors: readonly ErrorRow[]
}

export interface ErrorRow {
  readonly title: string
  readonly reply: Reply
  readonly kind: string
  /** The total number of requests that must be sent. */
  readonly requests: number
}

export interface Replica extends AsyncDisposable {
  readonly env: Record<string, string>
  readonly seen: readonly SeenRequest[]
  /** The responses in turn; the last one is repeated. */
  replies: readonly Reply[]
}

export async function startReplica(spec: VendorSpec): Promise<Replica> {
  const seen: SeenRequest[] = []
  const replica = { replies: [spec.good.reply] as readonly Reply[] }
  const http = createServer((request, response) => void respond(request, response))

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = await readRequest(request, spec)
    seen.push(received)
    const problem = problemWith(received, spec)
    const at = Math.min(seen.length, replica.replies.length) - 1
    const reply =
      problem === undefined
        ? replica.replies[at]
        : { status: 400, body: { message: problem, error: problem } }
    send(response, reply ?? {})
  }

  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  return Object.assign(replica, {
    seen,
    env: Object.fromEntries(spec.urlVariables.map((name) => [name, url])),
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  })
}

async function readRequest(request: IncomingMessage, spec: VendorSpec): Promise<SeenRequest> {
  const url = new URL(request.url ?? '/', 'http://replica')
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  const body = asJson(text)
  const query = Object.fromEntries(url.searchParams)
  const lastQueryField = [...url.searchParams.keys()].at(-1)
  const [place, name = ''] = spec.keyIn.split(' ')
  const inBody =
    typeof body === 'object' && body !== null && 'apiKey' in body ? String(body.apiKey) : undefined
  const key = place === 'header' ? request.headers[name] : (query[name] ?? inBody)
  if (place === 'query') delete query[name]
  const { method = '' } = request
  return {
    method,
    path: url.pathname,
    query,
    body,
    key: typeof key === 'string' ? key : undefined,
    lastQueryField,
  }
}

function problemWith(seen: SeenRequest, spec: VendorSpec): string | undefined {
  if (seen.key === undefined) return 'replica: no key in its place'
  const pattern = Object.keys(spec.paths).find((path) => new RegExp(`^${path}$`).test(seen.path))
  if (pattern === undefined) return `replica: no such path ${seen.path}`
  const fields = spec.paths[pattern] ?? []
  const body = typeof seen.body === 'object' && seen.body !== null ? Object.keys(seen.body) : []
  const unknown = [...Object.keys(seen.query), ...body].filter(
    (field) => !fields.includes(field) && !fields.includes('*'),
  )
  return unknown.length === 0 ? undefined : `replica: unknown fields ${unknown.join(', ')}`
}

function send(response: ServerResponse, { status = 200, headers = {}, body, stall = false }: Reply): void {
  if (stall) return
  const isRaw = typeof body === 'string' || body instanceof Uint8Array
  response.writeHead(status, { 'content-type': isRaw ? 'text/html' : 'application/json', ...headers })
  response.end(isRaw ? body : JSON.stringify(body ?? {}))
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text === '' ? undefined : text
  }
}

/** A clock whose short waits end at once and are recorded; deadlines run in real time. */
export function fastForwardClock(): Clock & { readonly waits: readonly number[] } {
  const waits: number[] = []
  let ahead = 0
  return {
    waits,
    now: () => systemClock.now() + ahead,
    monotonic: () => systemClock.monotonic() + ahead,
    after(ms, run) {
      // The shortest deadline of a vendor is 15 s, the longest wait 10 s; 5 s is the interval of progress.
      if (ms > 10_000 || ms === 5_000) return systemClock.after(ms, run)
      waits.push(ms)
      const timer = setImmediate(() => {
        ahead += ms
        run()
      })
      return () => clearImmediate(timer)
    },
  }
}
