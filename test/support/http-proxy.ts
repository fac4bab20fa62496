import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'

export interface HttpProxy extends AsyncDisposable {
  readonly port: number
  /** What it was asked for: `CONNECT host:443`, `POST http://host/path`. */
  readonly asked: readonly string[]
}

export interface HttpProxyOptions {
  /** The only value of `Proxy-Authorization` that it accepts; any without it. */
  readonly authorization?: string | undefined
  /** The status with which it refuses each tunnel. */
  readonly refusal?: string | undefined
}

/** An HTTP proxy on loopback. It knows one server, at `port`, under any name. */
export async function httpProxy(port: number, options: HttpProxyOptions = {}): Promise<HttpProxy> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const isRefused = ({ headers }: IncomingMessage): boolean =>
    options.authorization !== undefined && headers['proxy-authorization'] !== options.authorization
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (isRefused(request)) response.writeHead(407).end()
    else forward(request, response, port)
  })
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.on('connect', (request, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`)
    socket.on('error', () => socket.destroy())
    if (isRefused(request)) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    if (options.refusal !== undefined) return socket.end(`HTTP/1.1 ${options.refusal}\r\n\r\n`)
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    sockets.add(onward)
    onward.on('error', () => socket.destroy())
    return socket
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function forward(request: IncomingMessage, response: ServerResponse, port: number): void {
  const { method, url = '' } = request
  const { pathname } = new URL(url)
  const { 'proxy-authorization': _own, ...headers } = request.headers
  const onward = send({ host: '127.0.0.1', port, method, path: pathname, headers }, (incoming) => {
    response.writeHead(incoming.statusCode ?? 502, incoming.headers)
    incoming.pipe(response)
  })
  request.pipe(onward)
}
