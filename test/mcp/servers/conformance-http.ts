// The fixture over HTTP, on the Unix socket or port given as argument. Prints its address once it listens.
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { randomUUID } from 'node:crypto'
import {
  WebStandardStreamableHTTPServerTransport,
  createMcpHandler,
  isInitializeRequest,
  isLegacyRequest,
} from '@modelcontextprotocol/server'
import { conformanceServer } from './conformance-server.ts'
import {
  disconnectSignal,
  webRequest,
  writeWebResponse,
} from '../../../src/server/mcp/transport/web-response.ts'

const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>()
const modern = createMcpHandler(conformanceServer, { legacy: 'reject' })

async function respond(request: Request, body: unknown): Promise<Response> {
  const parsedBody = body === undefined ? {} : { parsedBody: body }
  if (process.argv[3] === 'modern-only' || !(await isLegacyRequest(request, body)))
    return modern.fetch(request, parsedBody)
  const known = sessions.get(request.headers.get('mcp-session-id') ?? '')
  if (known !== undefined) return known.handleRequest(request, parsedBody)
  if (!isInitializeRequest(body)) return Response.json({}, { status: 404 })
  const transport: WebStandardStreamableHTTPServerTransport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  })
  await conformanceServer().connect(transport)
  return transport.handleRequest(request, parsedBody)
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString()
    const signal = disconnectSignal(response)
    // As a restarted server would.
    if (request.url === '/forget-sessions') sessions.clear()
    const web = webRequest(request, text === '' ? undefined : text, signal)
    void respond(web, text === '' ? undefined : JSON.parse(text)).then((result) =>
      writeWebResponse(result, response, signal),
    )
  })
})
const where = process.argv[2] ?? '0'
// A previous process that was killed leaves its socket behind.
if (where.startsWith('/')) rmSync(where, { force: true })
server.listen(/^\d+$/.test(where) ? { port: Number(where), host: '127.0.0.1' } : { path: where }, () => {
  const address = server.address()
  console.log(typeof address === 'object' && address !== null ? address.port : address)
})
process.stdin.resume().on('end', () => process.exit(0))
