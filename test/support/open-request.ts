import { once } from 'node:events'
import { request, type Agent, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

/** One HTTP request, over a Unix socket or to a port of this machine. */
export interface Asked {
  readonly socketPath?: string | undefined
  readonly port?: number | undefined
  /** With `port`; 127.0.0.1 by default. */
  readonly host?: string | undefined
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Text and bytes go as they are, anything else as JSON. */
  readonly body?: unknown
  /** Keeps connections open between requests; without one each request has its own. */
  readonly agent?: Agent | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** `undefined` when the text is no JSON. */
  readonly json: unknown
}

/** An answer under way. */
export interface OpenAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Reads on until `text` has been said; all that came so far. Rejects when the answer ends before. */
  until(text: string): Promise<string>
  /** All of it; rejects when the connection breaks. */
  rest(): Promise<string>
  hangUp(): void
}

export async function ask(asked: Asked): Promise<Answer> {
  const open = await openAsk(asked)
  const text = await open.rest()
  return { status: open.status, headers: open.headers, text, json: parsed(text) }
}

/** Resolves with the head of the answer. */
export async function openAsk(asked: Asked): Promise<OpenAnswer> {
  const outgoing = send(asked)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  // Who refuses a body need not read it to its end: the answer counts.
  outgoing.on('error', () => {})
  incoming.setEncoding('utf8')
  const pieces = incoming.iterator({ destroyOnReturn: false })
  let said = ''
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    async until(text) {
      while (!said.includes(text)) {
        const next = await pieces.next()
        if (next.done === true) throw new Error(`the answer ended without “${text}”: ${said}`)
        said += String(next.value)
      }
      return said
    },
    async rest() {
      for await (const piece of pieces) said += String(piece)
      return said
    },
    hangUp: () => outgoing.destroy(),
  }
}

/** The request on its way, for tests that hang up before the head comes. */
export function send({ socketPath, port, host = '127.0.0.1', method, path, headers, body, agent }: Asked) {
  const where = socketPath === undefined ? { host, port } : { socketPath }
  const bytes = bytesOf(body)
  const given =
    bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': bytes.length }
  const outgoing = request({
    ...where,
    method,
    path,
    headers: { ...given, ...headers },
    agent: agent ?? false,
  })
  return outgoing.end(bytes)
}

function bytesOf(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body)
  return Buffer.from(JSON.stringify(body))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
