import {
  type McpHttpHandler,
  WebStandardStreamableHTTPServerTransport,
  createMcpHandler,
  isInitializeRequest,
  isLegacyRequest,
  legacyStatelessFallback,
} from '@modelcontextprotocol/server'
import type { Clock } from '../../../base/clock.ts'
import { randomLetters } from '../../../base/ids.ts'
import type { McpGateway } from '../../../mcp/mcp-gateway.ts'
import type { ToolCaller } from '../../../mcp/policy/tool-policy.ts'
import { paramHeaderMismatch } from './param-headers.ts'
import { createProtocolServer } from '../protocol/protocol-server.ts'
import { SessionTable } from '../sessions/session-table.ts'
import { protocolError } from '../protocol/tool-errors.ts'

interface McpCall {
  readonly request: Request
  /** The parsed JSON of the request. */
  readonly body: unknown
  readonly caller: ToolCaller
  /** Fires when the response is closed. */
  readonly finished: AbortSignal
}

/** The endpoint of the Streamable HTTP transport. */
export interface StreamableHttp {
  /** Handles one request of either family of revisions. */
  handle(call: McpCall): Promise<Response>
  close(): Promise<void>
}

/**
 * Creates one endpoint for both families of revisions. Requests of the newer family carry all they need; those of the older
 * one belong to a session, or stand alone when the client never opened one.
 */
export function createStreamableHttp(toolBroker: McpGateway, clock: Clock): StreamableHttp {
  const sessions = new SessionTable<WebStandardStreamableHTTPServerTransport>(clock)
  const modern = createMcpHandler(({ authInfo }) => serverFor(toolBroker, authInfo), { legacy: 'reject' })
  const unsubscribe = notifySubscribers(toolBroker, modern)

  async function handleModern(request: Request, body: unknown, caller: ToolCaller): Promise<Response> {
    const options = { authInfo: asAuthInfo(caller), parsedBody: body }
    const mismatch = await headerMismatch(request, body, caller)
    if (mismatch !== undefined) return errorResponse(400, mismatch, body)
    const uris = watchedUris(body)
    if (uris.length === 0) return modern.fetch(request, options)
    const watches = new AbortController()
    const stop = (): void => watches.abort()
    try {
      for (const uri of uris) await watchUntil(uri, caller, AbortSignal.any([request.signal, watches.signal]))
    } catch (error) {
      stop()
      return errorResponse(400, protocolError(error), body)
    }
    const response = await modern.fetch(request, options)
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) stop()
    return response
  }

  async function headerMismatch({ headers, signal }: Request, body: unknown, caller: ToolCaller) {
    const call = calledTool(body)
    if (call === undefined || headers.get('mcp-protocol-version') === null) return undefined
    const tool = await toolBroker.findTool(caller, call.name, signal)
    return tool && paramHeaderMismatch(tool.definition.inputSchema, call.args, headers)
  }

  async function watchUntil(uri: string, caller: ToolCaller, signal: AbortSignal): Promise<void> {
    const stop = await toolBroker.watchResource(caller, uri, () => modern.notify.resourceUpdated(uri), {
      signal,
    })
    signal.addEventListener('abort', () => void stop(), { once: true })
    if (signal.aborted) await stop()
  }

  async function openSession(request: Request, body: unknown, caller: ToolCaller): Promise<Response> {
    sessions.admit(caller)
    const { server } = createProtocolServer(toolBroker, caller, 'session')
    const transport: WebStandardStreamableHTTPServerTransport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomLetters(32),
      onsessioninitialized: (id) => sessions.add(id, caller, transport),
      onsessionclosed: (id) => sessions.delete(id),
    })
    await server.connect(transport)
    const response = await transport.handleRequest(request, { parsedBody: body })
    if (transport.sessionId === undefined) await server.close()
    return response
  }

  async function handleLegacy({ request, body, caller, finished }: McpCall): Promise<Response> {
    const id = request.headers.get('mcp-session-id')
    if (id !== null) {
      const transport = sessions.get(id, caller, finished)
      if (transport === undefined)
        return errorResponse(404, { code: -32001, message: 'Session not found' }, body)
      return transport.handleRequest(request, { parsedBody: body })
    }
    if (isInitializeRequest(body)) return openSession(request, body, caller)
    if (request.method !== 'POST') {
      return errorResponse(400, { code: -32000, message: 'Mcp-Session-Id header is required' }, body)
    }
    const standalone = legacyStatelessFallback(
      () => createProtocolServer(toolBroker, caller, 'request').server,
    )
    return standalone(request, { parsedBody: body })
  }

  return {
    async handle(call) {
      const { request, body, caller } = call
      if (Array.isArray(body))
        return errorResponse(
          400,
          { code: -32600, message: 'batches are not supported; send one message per request' },
          undefined,
        )
      return (await isLegacyRequest(request, body)) ? handleLegacy(call) : handleModern(request, body, caller)
    },
    async close() {
      unsubscribe()
      await Promise.all([modern.close(), sessions.close()])
    },
  }
}

function serverFor(toolBroker: McpGateway, authInfo: { extra?: Record<string, unknown> } | undefined) {
  // The SDK passes on what `asAuthInfo` returned; nothing else fills it.
  const caller = authInfo?.extra?.['caller'] as ToolCaller
  return createProtocolServer(toolBroker, caller, 'request').server
}

/** Wraps the caller in what the SDK calls authentication. The caller's token is not passed on. */
function asAuthInfo(caller: ToolCaller) {
  return { token: '', clientId: '', scopes: [], extra: { caller } }
}

function notifySubscribers(toolBroker: McpGateway, { notify }: McpHttpHandler): () => void {
  return toolBroker.onListChanged((kind) => {
    if (kind === 'tools') notify.toolsChanged()
    else if (kind === 'prompts') notify.promptsChanged()
    else notify.resourcesChanged()
  })
}

/** The resources that a `subscriptions/listen` subscribes to. */
function watchedUris(body: unknown): string[] {
  const { method, params } = (body ?? {}) as { method?: unknown; params?: { notifications?: unknown } }
  if (method !== 'subscriptions/listen') return []
  const filter = (params?.notifications ?? {}) as { resourceSubscriptions?: unknown }
  const uris = Array.isArray(filter.resourceSubscriptions) ? filter.resourceSubscriptions : []
  return uris.filter((uri) => typeof uri === 'string').slice(0, 100)
}

function calledTool(body: unknown): { name: string; args: unknown } | undefined {
  const { method, params } = (body ?? {}) as {
    method?: unknown
    params?: { name?: unknown; arguments?: unknown }
  }
  const name = method === 'tools/call' ? params?.name : undefined
  return typeof name === 'string' ? { name, args: params?.arguments } : undefined
}

function errorResponse(
  status: number,
  { code, message, data }: { code: number; message: string; data?: unknown },
  body: unknown,
): Response {
  const { id } = (body ?? {}) as { id?: unknown }
  const isId = typeof id === 'string' || typeof id === 'number'
  const error = { code, message, ...(data !== undefined && { data }) }
  return Response.json({ jsonrpc: '2.0', id: isId ? id : null, error }, { status })
}
