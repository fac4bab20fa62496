import { BrokerError } from '../base/errors.ts'

/** One HTTP request to the broker. */
export interface TransportRequest {
  /** The server to send it to: on Unix sockets each API has its own socket, on TCP one address serves both. */
  readonly listener: 'rpc' | 'rest'
  readonly method: 'GET' | 'POST'
  /** The absolute path: `/rpc`, `/v1/chat/completions`. */
  readonly path: string
  readonly body?: string | undefined
  /** The `Accept` header; without it the server chooses the content type. */
  readonly accept?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** The HTTP response, of any status. */
export interface TransportAnswer {
  readonly status: number
  /** The value of a header by its lower-case name. */
  readonly header?: ((name: string) => string | undefined) | undefined
  readonly body: AsyncIterable<Uint8Array>
}

/** Sends a request to the broker. Throws `unreachable` when it does not respond, and the signal's reason when it aborts. */
export type Transport = (request: TransportRequest) => Promise<TransportAnswer>

/** The part of `fetch` that the transport needs, so that a test or an old runtime can supply its own. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface HttpOptions {
  /** Sent with each request, `authorization` for example. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly fetch?: Fetch | undefined
}

/** Connects to a broker's TCP address, or to the origin of a web page, by `fetch`: `httpTransport('http://127.0.0.1:33850')`. */
export function httpTransport(baseUrl: string, { headers, fetch }: HttpOptions = {}): Transport {
  const root = baseUrl.replace(/\/+$/, '')
  const send: Fetch = fetch ?? ((url, init) => globalThis.fetch(url, init))
  return async ({ method, path, body, accept, signal }) => {
    const sent = { ...JSON_BODY, ...headers, ...(accept === undefined ? {} : { accept }) }
    const init: RequestInit = { method, headers: sent, redirect: 'error' }
    if (body !== undefined) init.body = body
    if (signal !== undefined) init.signal = signal
    const response = await send(`${root}${path}`, init).catch((cause: unknown) => {
      signal?.throwIfAborted()
      throw new BrokerError('unreachable', `no broker answers at ${root}`, { cause })
    })
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      body: response.body === null ? emptyBody() : readAll(response.body),
    }
  }
}

export const JSON_BODY = { 'content-type': 'application/json' } as const

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

/** Reads the stream by a reader, because not every browser can iterate over a stream yet. */
async function* readAll(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** Reads a whole body as text. */
export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}

/** Parses JSON; `undefined` when the text is not valid JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
