/** `node node-proxy-server.ts SOCKET UPSTREAM_PORT`: forwards every request without parsing it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Pool, type Dispatcher } from 'undici'

const [socketPath, upstreamPort] = process.argv.slice(2)
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { pipelining: 1 })

const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  if (request.url === '/health') {
    response.end()
    return
  }
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const [only, ...more] = parts
    pass(request, only !== undefined && more.length === 0 ? only : Buffer.concat(parts), response)
  })
})
server.listen(socketPath)
process.once('SIGTERM', () => process.exit(0))

function pass(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
  pool.dispatch(
    {
      method: 'POST',
      path: request.url ?? '/',
      headers: { 'content-type': request.headers['content-type'] ?? '' },
      body,
    },
    splice(response),
  )
}

function splice(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller) {
      response.once('close', () => {
        if (!response.writableFinished) controller.abort(new Error('the caller hung up'))
      })
    },
    onResponseStart(_controller, status, headers) {
      const { 'content-type': type, 'content-length': length } = headers
      if (type !== undefined) response.setHeader('content-type', type)
      if (length !== undefined) response.setHeader('content-length', length)
      response.writeHead(status)
    },
    onResponseData(controller, chunk) {
      if (response.write(chunk)) return
      controller.pause()
      response.once('drain', () => controller.resume())
    },
    onResponseEnd: () => void response.end(),
    onResponseError: () => void response.destroy(),
  }
}
