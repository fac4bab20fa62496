import { request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { BrokerError } from '../base/errors.ts'

/** Where a call goes. */
export interface Upstream {
  readonly socketPath: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

const SENT_HEADERS = ['content-type', 'accept'] as const
const RECEIVED_HEADERS = ['content-type', 'content-length', 'x-generation-id', 'retry-after'] as const

/** As much as the broker reads of one request. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

/**
 * Sends a request of a browser on to the broker, and streams the answer back. Nothing else of its headers travels. The body goes
 * with the headers in one piece: a broker that answers before a later piece closes the connection, and the answer is lost.
 * Throws `too-large`, `unreachable`.
 */
export async function passOn(
  incoming: IncomingMessage,
  response: ServerResponse,
  upstream: Upstream,
): Promise<void> {
  const body = await readBody(incoming, MAX_BODY_BYTES)
  const done = Promise.withResolvers<void>()
  const { socketPath, path, headers } = upstream
  const outgoing = request({
    socketPath,
    path,
    method: incoming.method,
    agent: false,
    headers: {
      host: 'localhost',
      'content-length': String(body.length),
      ...chosen(incoming.headers, SENT_HEADERS),
      ...headers,
    },
  })
  outgoing.once('error', (error) => {
    if (response.headersSent) response.destroy()
    done.reject(
      new BrokerError('unreachable', `the broker can’t be reached at ${socketPath}`, { cause: error }),
    )
  })
  outgoing.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, {
      'cache-control': 'no-store',
      ...chosen(answer.headers, RECEIVED_HEADERS),
    })
    answer.pipe(response)
    answer.once('end', done.resolve)
    answer.once('error', () => response.destroy())
  })
  response.once('close', () => {
    outgoing.destroy()
    done.resolve()
  })
  outgoing.end(body)
  await done.promise
}

/** Throws `too-large`. */
export async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of incoming as AsyncIterable<Buffer>) {
    size += part.length
    if (size > maxBytes) throw new BrokerError('too-large', `a body has at most ${maxBytes} bytes here`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function chosen(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  )
}

/** The role of whoever sends these headers to the broker. Throws `unauthorized` for a token that it does not know. */
export async function roleAt(socketPath: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'auth.whoami', params: {} })
  const reply = await new Promise<string>((resolve, reject) => {
    const outgoing = request({
      socketPath,
      path: '/rpc',
      method: 'POST',
      agent: false,
      headers: { host: 'localhost', 'content-type': 'application/json', ...headers },
    })
    outgoing.once('error', (error) =>
      reject(
        new BrokerError('unreachable', `the broker can’t be reached at ${socketPath}`, { cause: error }),
      ),
    )
    outgoing.once('response', (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part))
      answer.once('end', () => resolve(text))
    })
    outgoing.end(body)
  })
  const { result } = JSON.parse(reply) as { result?: { role: string; token?: string } }
  if (result === undefined) throw new BrokerError('unauthorized', 'this token is not known here')
  // A text that is no token at all is ignored by the broker on a socket; it must not open a session.
  if (headers['authorization'] !== undefined && result.token === undefined)
    throw new BrokerError('unauthorized', 'this token is not known here')
  return result.role
}
