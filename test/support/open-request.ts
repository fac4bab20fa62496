import { once } from 'node:events'
import { request, type Agent, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

/** One HTTP request, over a Unix socket or to a port of this machine. */
export interface HttpRequest {
  readonly socketPath?: string | undefined
  readonly port?: number | undefined
  /** With `port`; 127.0.0.1 by default. */
  readonly host?: string | undefined
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Text and bytes go as they are, anything else as JSON. */
  readonly body?: unknown
  /** Keeps connections open between requests; without an agent each request opens its own connection. */
  readonly agent?: Agent | undefined
}

/** A response that was read to its end. */
export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** `undefined` when the text is not JSON. */
  readonly json: unknown
}

/** A response whose head has arrived and whose body is still being read. */
export interface OpenResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Reads until the body contains `text` and returns everything received so far. Rejects when the body ends before. */
  until(text: string): Promise<string>
  /** Reads the rest and returns the whole body; rejects when the connection breaks. */
  rest(): Promise<string>
  hangUp(): void
}

/** Sends a request and reads its response to the end. */
export async function sendRequest(options: HttpRequest): Promise<HttpResponse> {
  const open = await openResponse(options)
  const text = await open.rest()
  return { status: open.status, headers: open.headers, text, json: parseJson(text) }
}

/** Sends a request; resolves when the head of the response has arrived. */
export async function openResponse(options: HttpRequest): Promise<OpenResponse> {
  const outgoing = startRequest(options)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  // A server that refuses a body need not read it to its end, so a write error does not matter once a response came.
  outgoing.on('error', () => {})
  incoming.setEncoding('utf8')
  const pieces = incoming.iterator({ destroyOnReturn: false })
  let received = ''
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    async until(text) {
      while (!received.includes(text)) {
        const next = await pieces.next()
        if (next.done === true) throw new Error(`the response ended without “${text}”: ${received}`)
        received += String(next.value)
      }
      return received
    },
    async rest() {
      for await (const piece of pieces) received += String(piece)
      return received
    },
    hangUp: () => outgoing.destroy(),
  }
}

/** Sends a request and returns it, for tests that hang up before the head of the response arrives. */
export function startRequest({
  socketPath,
  port,
  host = '127.0.0.1',
  method,
  path,
  headers,
  body,
  agent,
}: HttpRequest) {
  const where = socketPath === undefined ? { host, port } : { socketPath }
  const bytes = bytesOf(body)
  const bodyHeaders =
    bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': bytes.length }
  const outgoing = request({
    ...where,
    method,
    path,
    headers: { ...bodyHeaders, ...headers },
    agent: agent ?? false,
  })
  return outgoing.end(bytes)
}

function bytesOf(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body)
  return Buffer.from(JSON.stringify(body))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
