import { connect, type Socket } from 'node:net'
import { LoadResponseReader } from './response-reader.ts'
import { check } from './check.ts'
import type { LoadRequest } from './job.ts'

export interface Timing {
  readonly firstMs: number
  readonly wholeMs: number
}

/** The bytes of a request, built once per job. */
export function requestBytes({ path, headers, bodyBytes, tools, expect }: LoadRequest): Buffer {
  const body = JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'y'.repeat(Math.max(1, bodyBytes - 120)) }],
    max_tokens: 100,
    ...(tools === 0
      ? {}
      : { tools: Array.from({ length: tools }, (_, nth) => functionNamed(`tool_${nth}`)) }),
    ...(expect.type === 'stream' ? { stream: true, stream_options: { include_usage: true } } : {}),
  })
  const lines = Object.entries({
    host: 'localhost',
    'content-type': 'application/json',
    'content-length': body.length,
    ...headers,
  }).map(([name, value]) => `${name}: ${String(value)}\r\n`)
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
}

/** A function definition of half a KB, the size that agents typically send. */
function functionNamed(name: string): object {
  const text = { type: 'string', description: 'Where it is, from the root of the project.' }
  const parameters = {
    type: 'object',
    properties: { path: text, query: text, limit: { type: 'integer', minimum: 1 } },
    required: ['path'],
    additionalProperties: false,
  }
  return { type: 'function', function: { name, description: 'y'.repeat(150), parameters } }
}

/** One keep-alive connection that sends the same request, one at a time, and checks every response. */
export class Connection {
  readonly #socket: Socket
  readonly #bytes: Buffer
  #sentMs = 0
  #firstMs = 0
  #first: PromiseWithResolvers<void> | undefined
  #whole: PromiseWithResolvers<Timing> | undefined

  private constructor(socket: Socket, request: LoadRequest, bytes: Buffer) {
    this.#socket = socket
    this.#bytes = bytes
    const reader = new LoadResponseReader(
      (status) => {
        this.#firstMs = performance.now() - this.#sentMs
        if (status === 200) this.#first?.resolve()
      },
      (response) => {
        check(response, request.expect)
        const whole = this.#whole
        this.#whole = undefined
        whole?.resolve({ firstMs: this.#firstMs, wholeMs: performance.now() - this.#sentMs })
      },
    )
    socket.on('data', (bytes) => {
      try {
        reader.feed(bytes)
      } catch (failure) {
        this.#fail(failure)
      }
    })
    socket.on('error', (failure) => this.#fail(failure))
    socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  static async open(request: LoadRequest, bytes: Buffer): Promise<Connection> {
    const { target } = request
    const socket = 'port' in target ? connect(target.port, '127.0.0.1') : connect(target.socketPath)
    socket.setNoDelay(true)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Connection(socket, request, bytes)
  }

  /** Sends the request; resolves when the response is complete. */
  send(): Promise<Timing> {
    this.#first = undefined
    this.#whole = Promise.withResolvers()
    this.#sentMs = performance.now()
    this.#socket.write(this.#bytes)
    return this.#whole.promise
  }

  /** Sends the request; resolves at the first byte of a 200 response's body. The rest is read and discarded. */
  sendUntilFirstByte(): Promise<void> {
    const whole = this.send()
    this.#first = Promise.withResolvers()
    whole.catch(this.#first.reject)
    return this.#first.promise
  }

  hangUp(): void {
    this.#socket.destroy()
  }

  #fail(failure: unknown): void {
    this.#whole?.reject(failure)
    this.#whole = undefined
    this.#socket.destroy()
  }
}
