import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { SignJWT } from 'jose/jwt/sign'
import { z } from 'zod'
import type { Secret } from '../../../base/secret.ts'
import { ToolFailure } from '../../shared/tool-failure.ts'
import { callerHeaders } from '../caller.ts'
import type { HeroCaller } from '../caller.ts'
import type { KnownService } from '../services/service-registry.ts'
import { isAllowed } from '../services/service-policy.ts'
import type { HeroSettings } from '../settings.ts'
import { sendUnixRequest } from '../services/unix-http.ts'

/** One call by generated code. */
export interface RelayedCall {
  readonly service: string
  readonly method: string
  readonly ms: number
  readonly ok: boolean
}

/** The sockets of one run: all that generated code can reach, each forwarding to `/rpc` of one service alone. */
export interface Relay extends AsyncDisposable {
  readonly calls: readonly RelayedCall[]
}

const TIMEOUT_MS = 60_000
const MAX_REQUEST_BYTES = 1024 * 1024
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024
const TOKEN_SECONDS = 300

/** All other members are dropped: a service that compares names without regard to case would read them as these. */
const rpcRequest = z.object({
  method: z.string(),
  params: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).optional(),
  id: z.union([z.string(), z.number(), z.null()]).optional(),
})
type RpcRequest = z.output<typeof rpcRequest>

/** What a run can reach, and in whose name. */
interface Reachable {
  readonly services: readonly KnownService[]
  readonly caller: HeroCaller
}

/**
 * Opens `<folder>/<service>.sock` for each service. Every call is counted and checked: only methods that the service
 * documents and the operator allows are forwarded, in the caller's name, with a credential that the code never sees. What is
 * forwarded is written anew from what was checked, never the bytes that the code sent.
 */
export async function openRelay(
  folder: string,
  { services, caller }: Reachable,
  settings: HeroSettings,
  signal: AbortSignal,
): Promise<Relay> {
  const calls: RelayedCall[] = []
  const servers = await Promise.all(services.map((known) => listen(known)))
  return {
    calls,
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map(close))
    },
  }

  async function listen(known: KnownService): Promise<Server> {
    const server = createServer((request, response) => {
      void serve(known, request, response).catch(() => response.destroy())
    })
    // The sandbox may hold one connection for a whole run, which has a time limit of its own.
    server.keepAliveTimeout = 0
    server.headersTimeout = 0
    server.requestTimeout = 0
    server.listen(join(folder, `${known.service.name}.sock`))
    await once(server, 'listening')
    return server
  }

  async function serve(
    known: KnownService,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const body = await readBody(request)
    const parsed = request.method === 'POST' && request.url === '/rpc' ? parseCall(body) : undefined
    if (parsed === undefined)
      return refuse(response, null, -32_600, 'only single JSON-RPC calls to /rpc are forwarded')
    const { method, id } = parsed
    const rejection = rejectReason(known, parsed)
    if (rejection !== undefined) return refuse(response, id ?? null, -32_601, rejection)
    const started = performance.now()
    const call = { service: known.service.name, method, ms: 0, ok: false }
    calls.push(call)
    try {
      const reply = await sendUnixRequest(
        {
          socket: known.socket,
          path: '/rpc',
          method: 'POST',
          headers: await headersFor(known.socket, caller, settings),
          body: JSON.stringify({ jsonrpc: '2.0', ...parsed }),
          timeoutMs: TIMEOUT_MS,
          maxBytes: MAX_RESPONSE_BYTES,
        },
        signal,
      )
      call.ok = reply.status < 300 && !/^\s*\{[^]*"error"\s*:\s*\{/.test(reply.text.slice(0, 400))
      response.writeHead(reply.status, { 'content-type': 'application/json' }).end(reply.text)
    } catch (thrown) {
      refuse(
        response,
        id ?? null,
        -32_603,
        thrown instanceof ToolFailure ? thrown.message : 'the call failed',
      )
    } finally {
      call.ms = Math.round(performance.now() - started)
    }
  }

  function rejectReason({ service }: KnownService, { method: name, params }: RpcRequest): string | undefined {
    const method = service.methods.find((one) => one.name === name)
    if (method === undefined) return `${service.name} documents no method ${name}`
    if (namesBrokerTools(params))
      return 'chats of generated code get no tools of the broker (tools: type “mcp”)'
    if (!isAllowed(settings.methods, service.name, method)) {
      return `the operator does not allow ${service.name}/${name} to generated code (MCP_HERO_METHODS)`
    }
    return calls.length >= settings.limits.calls
      ? `more than ${settings.limits.calls} calls in one run`
      : undefined
  }
}

async function headersFor(
  socket: string,
  caller: HeroCaller,
  { secret }: HeroSettings,
): Promise<Record<string, string>> {
  const token = secret === undefined ? {} : { authorization: `Bearer ${await mintToken(secret, Date.now())}` }
  return { ...token, ...callerHeaders(caller, socket) }
}

/** A JSON web token (HS256) for `mcp_hero`, valid for five minutes. Its scope is that of a caller, never an administrator's. */
export async function mintToken(secret: Secret, nowMs: number): Promise<string> {
  const now = Math.floor(nowMs / 1000)
  return new SignJWT({
    iss: 'mcp_hero',
    sub: 'mcp_hero',
    scope: 'caller',
    iat: now,
    exp: now + TOKEN_SECONDS,
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(new TextEncoder().encode(secret.reveal()))
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    length += Buffer.byteLength(chunk as Uint8Array)
    if (length > MAX_REQUEST_BYTES) throw new ToolFailure('bad_request', 'the call is too long')
  }
  return Buffer.concat(chunks).toString()
}

/** Whether a chat would have the broker run tools, which reach what `mcp.call_tool` reaches. */
function namesBrokerTools(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { tools } = value as { tools?: unknown }
  if (Array.isArray(tools) && tools.some(isBrokerTool)) return true
  return Object.values(value).some(namesBrokerTools)
}

function isBrokerTool(tool: unknown): boolean {
  return typeof tool === 'object' && tool !== null && (tool as { type?: unknown }).type === 'mcp'
}

function parseCall(body: string): RpcRequest | undefined {
  try {
    return rpcRequest.parse(JSON.parse(body, keepDigits))
  } catch {
    return undefined
  }
}

/** Python's integers have more digits than a double: a number that would change is written again as it came. */
function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(source)
}

function refuse(response: ServerResponse, id: string | number | null, code: number, message: string): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } }))
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}
