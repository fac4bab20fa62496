/**
 * A provider that follows a script, on a real socket:
 *
 *     await using upstream = await scriptedUpstream([sse(chatChunk('one')), stall])
 *     … send a request to `upstream.baseUrl`, read one chunk, disconnect …
 *     const request = await upstream.received(0)
 *     expect(await request.closed).toBe('hung-up')
 */
import { mkdtemp, rm } from 'node:fs/promises'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One action on a response, which ends after its last step. `closed` resolves as soon as the connection is closed. */
export type Step = (response: ServerResponse, closed: Promise<Ending>) => unknown

/** The same steps for every request, or steps chosen by looking at the request; `nth` counts from 0. */
export type Script = readonly Step[] | ((request: ReceivedRequest, nth: number) => readonly Step[])

/** The script ran to its end (`answered`), it broke the connection (`broken`), or the client disconnected before (`hung-up`). */
export type Ending = 'answered' | 'broken' | 'hung-up'

export interface ReceivedRequest {
  readonly method: string
  /** With its query, as received. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly raw: Buffer
  /** The body as JSON; `undefined` when it is not JSON. */
  readonly body: unknown
  readonly closed: Promise<Ending>
}

export interface ScriptedUpstream extends AsyncDisposable {
  /** `http+unix://<encoded socket path>/v1`, or `http://127.0.0.1:<port>/v1` over TCP. */
  readonly baseUrl: string
  readonly socketPath: string | undefined
  readonly port: number | undefined
  readonly requests: readonly ReceivedRequest[]
  /** The nth request (from 0), as soon as it has arrived. */
  received(nth: number): Promise<ReceivedRequest>
  openConnections(): Promise<number>
}

/** Listens on a Unix socket in a folder of its own, or on a free loopback port. Disposing it fails if a script threw. */
export async function scriptedUpstream(
  script: Script,
  options: {
    readonly over?: 'unix' | 'tcp' | undefined
    /** Keeps no requests in `requests`, for tests that send very many. */
    readonly discardsRequests?: boolean | undefined
  } = {},
): Promise<ScriptedUpstream> {
  const requests: ReceivedRequest[] = []
  const arrivals: PromiseWithResolvers<ReceivedRequest>[] = []
  const failures: unknown[] = []
  let count = 0
  const arrival = (nth: number) => (arrivals[nth] ??= Promise.withResolvers())

  async function respond(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const closed = endingOf(response)
    const request = await receive(incoming, closed)
    const nth = count++
    if (options.discardsRequests !== true) {
      requests.push(request)
      arrival(nth).resolve(request)
    }
    await play(typeof script === 'function' ? script(request, nth) : script, response, closed)
  }

  const server = createServer({ requestTimeout: 0 }, (incoming, response) => {
    respond(incoming, response).catch((failure: unknown) => {
      if (!incoming.destroyed || incoming.complete) failures.push(failure)
      response.destroy()
    })
  })
  server.keepAliveTimeout = 0

  const folder = await mkdtemp(join(tmpdir(), 'up-'))
  const socketPath = options.over === 'tcp' ? undefined : join(folder, 's')
  const port = await listen(server, socketPath)

  return {
    baseUrl:
      socketPath === undefined
        ? `http://127.0.0.1:${port}/v1`
        : `http+unix://${encodeURIComponent(socketPath)}/v1`,
    socketPath,
    port,
    requests,
    received: (nth) => arrival(nth).promise,
    openConnections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
      }),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      await rm(folder, { recursive: true, force: true })
      if (failures.length > 0) throw new AggregateError(failures, `a script failed: ${String(failures[0])}`)
    },
  }
}

/** The nth script serves the nth request; the last script serves all further ones. */
export function inTurn(...scripts: readonly (readonly Step[])[]): Script {
  return (_request, nth) => scripts[Math.min(nth, scripts.length - 1)] ?? []
}

/** Status and headers, sent at once. Only needed where those of `json`, `sse` and `raw` do not fit. */
export function head(status: number, headers: OutgoingHttpHeaders): Step {
  return (response) => response.writeHead(status, headers).flushHeaders()
}

/** A whole JSON response. */
export function json(status: number, body: unknown, headers: OutgoingHttpHeaders = {}): Step {
  const bytes = JSON.stringify(body)
  const defaultHeaders = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) }
  return (response) => response.writeHead(status, { ...defaultHeaders, ...headers }).write(bytes)
}

/** Events of a stream, one write each: strings as they are (see `done`), anything else as JSON. */
export function sse(...chunks: readonly unknown[]): Step {
  const events = chunks.map(
    (chunk) => `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`,
  )
  return (response) => {
    startStream(response)
    for (const event of events) response.write(event)
  }
}

/** Body bytes as they are: half an event, a comment, a recorded stream. Opens a stream when no head was sent. */
export function raw(bytes: string | Uint8Array): Step {
  return (response) => {
    startStream(response)
    response.write(bytes)
  }
}

// Node 26 passes the writes of a response to its socket only at the end of the turn, so steps that use the socket directly wait for that.

/** Bytes on the connection itself, in place of an HTTP response or in the middle of one. Usually followed by `cut`. */
export function wire(bytes: string | Uint8Array): Step {
  return async (response) => {
    await new Promise(setImmediate)
    await new Promise((resolve) => response.socket?.write(bytes, resolve))
  }
}

/** Continues when `until` resolves. */
export function wait(until: PromiseLike<unknown>): Step {
  return (_response, closed) => Promise.race([until, closed])
}

/** Sends nothing more until the client disconnects. As the first step it hangs before the headers. */
export const stall: Step = (_response, closed) => closed

/** Closes the connection without ending the response. */
export const cut: Step = async (response) => {
  const socket = response.socket
  await new Promise(setImmediate)
  // Earlier writes are still delivered: only the end of the response is missing.
  await new Promise<void>((resolve) => socket?.write('', () => resolve()))
  socket?.destroy()
}

/** Resets the connection, as a crashed host does. TCP only. */
export const reset: Step = (response) => {
  response.socket?.resetAndDestroy()
}

/** The last event of a stream: `sse(chatChunk('hi'), finishChunk(), done)`. */
export const done = '[DONE]'

export function chatChunk(text: string, extra: Readonly<Record<string, unknown>> = {}) {
  return { ...chunkHead, choices: [{ index: 0, delta: { content: text }, finish_reason: null }], ...extra }
}

export function finishChunk(reason = 'stop') {
  return { ...chunkHead, choices: [{ index: 0, delta: {}, finish_reason: reason }] }
}

export function usageChunk(usage: Readonly<Record<string, unknown>>) {
  return { ...chunkHead, choices: [], usage }
}

const chunkHead = {
  id: 'chatcmpl-scripted',
  object: 'chat.completion.chunk',
  created: 1_700_000_000,
  model: 'scripted',
}

function endingOf(response: ServerResponse): Promise<Ending> {
  const socket = response.socket
  // When the client disconnects, `end` or `error` precedes `close`; a script's own `cut` emits only `close`.
  let endedByPeer = false
  const onPeerEnd = () => (endedByPeer = true)
  socket?.on('end', onPeerEnd).on('error', onPeerEnd)
  return new Promise((resolve) => {
    response.once('close', () => {
      socket?.off('end', onPeerEnd).off('error', onPeerEnd)
      if (response.writableFinished) resolve('answered')
      else resolve(endedByPeer ? 'hung-up' : 'broken')
    })
  })
}

async function receive(incoming: IncomingMessage, closed: Promise<Ending>): Promise<ReceivedRequest> {
  const parts: Buffer[] = []
  for await (const part of incoming) parts.push(part as Buffer)
  const bytes = Buffer.concat(parts)
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    raw: bytes,
    body: parseJson(bytes),
    closed,
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

async function play(
  steps: readonly Step[],
  response: ServerResponse,
  closed: Promise<Ending>,
): Promise<void> {
  for (const step of steps) {
    if (response.destroyed) return
    await step(response, closed)
  }
  if (!response.destroyed) response.end()
}

function startStream(response: ServerResponse): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' })
}

function listen(server: Server, socketPath: string | undefined): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath === undefined ? { port: 0, host: '127.0.0.1' } : { path: socketPath }, () => {
      const address = server.address()
      resolve(typeof address === 'object' ? address?.port : undefined)
    })
  })
}
