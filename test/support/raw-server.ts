import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tempFolder } from './temp-folder.ts'
import { join } from 'node:path'

/** A server on the level of bytes: a test can send anything, HTTP or not. */
export interface RawServer extends AsyncDisposable {
  readonly baseUrl: string
  /** Connections in the order they came, closed ones included. */
  readonly sockets: readonly Socket[]
  /** All bytes received on the nth connection so far. */
  received(nth: number): string
  /** The nth connection (from 0), as soon as it is open. */
  connected(nth: number): Promise<Socket>
  /** Number of connections that are open now. */
  readonly openCount: number
}

/** Calls `onRequest` for each whole request (a head and its Content-Length); `nth` counts them over all connections. */
export async function rawServer(
  onRequest: (socket: Socket, nth: number) => unknown,
  options: { readonly over?: 'unix' | 'tcp' | undefined } = {},
): Promise<RawServer> {
  const folder = tempFolder()
  const sockets: Socket[] = []
  const received: string[] = []
  const arrivals: PromiseWithResolvers<Socket>[] = []
  const arrival = (nth: number) => (arrivals[nth] ??= Promise.withResolvers())
  let open = 0
  let count = 0
  const server = createServer({ noDelay: true }, (socket) => {
    const nth = sockets.push(socket) - 1
    let waiting = ''
    received[nth] = ''
    open++
    socket.on('error', () => {})
    socket.on('close', () => open--)
    socket.on('data', (bytes) => {
      received[nth] += bytes.toString('latin1')
      waiting += bytes.toString('latin1')
      for (let end = requestEnd(waiting); end !== undefined; end = requestEnd(waiting)) {
        waiting = waiting.slice(end)
        onRequest(socket, count++)
      }
    })
    arrival(nth).resolve(socket)
  })
  const path = join(folder.path, 's')
  await listen(server, options.over === 'tcp' ? undefined : path)
  const port = options.over === 'tcp' ? (server.address() as AddressInfo).port : undefined
  return {
    baseUrl:
      port === undefined ? `http+unix://${encodeURIComponent(path)}/v1` : `http://127.0.0.1:${port}/v1`,
    sockets,
    received: (nth) => received[nth] ?? '',
    connected: (nth) => arrival(nth).promise,
    get openCount() {
      return open
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
      folder[Symbol.dispose]()
    },
  }
}

/** Where the first request in `text` ends; `undefined` while it is incomplete. */
function requestEnd(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n')
  if (head === -1) return undefined
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? '0'
  const end = head + 4 + Number(length)
  return text.length < end ? undefined : end
}

function listen(server: Server, path: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path }, resolve)
  })
}
