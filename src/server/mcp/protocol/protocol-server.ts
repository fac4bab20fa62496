import {
  BAGGAGE_META_KEY,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  LOG_LEVEL_META_KEY,
  type LoggingLevel,
  type Progress,
  Server,
  type ServerContext,
  TRACEPARENT_META_KEY,
  TRACESTATE_META_KEY,
} from '@modelcontextprotocol/server'
import type { McpGateway } from '../../../mcp/mcp-gateway.ts'
import type { ToolCaller } from '../../../mcp/policy/tool-policy.ts'
import type { CallOptions, CallerSession } from '../../../mcp/types.ts'
import { type SessionPeer, asNotification, createSessionPeer } from '../sessions/client-session.ts'
import { protocolError, resourceError, toolFailure } from './tool-errors.ts'

/** Set on lists: the servers whose entries may be missing, and why. */
const UNAVAILABLE_META_KEY = 'hero-aibroker/unavailable'

const TRACE_KEYS = [TRACEPARENT_META_KEY, TRACESTATE_META_KEY, BAGGAGE_META_KEY]
const LIST_TTL_MS = 10_000

/** The broker as one MCP server for one caller, for a request or for a session. */
export interface ProtocolServer {
  readonly server: Server
  readonly session: CallerSession | undefined
}

/**
 * Creates the MCP server of one caller. `kind` is `session` when the client keeps a session and can be sent requests, `request`
 * when the request carries everything. What belongs to a session ends when its server is closed.
 */
export function createProtocolServer(
  toolBroker: McpGateway,
  caller: ToolCaller,
  kind: 'session' | 'request',
): ProtocolServer {
  const server = new Server(
    { name: 'hero_aibroker', version: toolBroker.version },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        completions: {},
        logging: {},
      },
      cacheHints: {
        'tools/list': { ttlMs: LIST_TTL_MS, cacheScope: 'private' },
        'prompts/list': { ttlMs: LIST_TTL_MS, cacheScope: 'private' },
        'resources/list': { ttlMs: LIST_TTL_MS, cacheScope: 'private' },
        'resources/templates/list': { ttlMs: LIST_TTL_MS, cacheScope: 'private' },
        'server/discover': { ttlMs: 3_600_000, cacheScope: 'public' },
      },
    },
  )
  const peer = kind === 'session' ? createSessionPeer(server) : undefined
  const session = peer === undefined ? undefined : toolBroker.openSession(peer)
  handleLists(server, toolBroker, caller)
  handleCalls(server, toolBroker, caller, { session, peer })
  if (session !== undefined && peer !== undefined) serveSession(server, toolBroker, caller, { session, peer })
  return { server, session }
}

function handleLists(server: Server, toolBroker: McpGateway, caller: ToolCaller): void {
  server.setRequestHandler('tools/list', async (_, { mcpReq }) => {
    const { tools, unavailable } = await toolBroker.listTools(caller, mcpReq.signal)
    return {
      tools: tools.map(({ definition }) => definition),
      ...(unavailable.length > 0 && { _meta: { [UNAVAILABLE_META_KEY]: unavailable } }),
    }
  })
  server.setRequestHandler('prompts/list', async (_, { mcpReq }) => ({
    prompts: [...(await toolBroker.listPrompts(caller, mcpReq.signal))],
  }))
  server.setRequestHandler('resources/list', async (_, { mcpReq }) => ({
    resources: [...(await toolBroker.listResources(caller, mcpReq.signal))],
  }))
  server.setRequestHandler('resources/templates/list', async (_, { mcpReq }) => ({
    resourceTemplates: [...(await toolBroker.listResourceTemplates(caller, mcpReq.signal))],
  }))
}

/** What a request states about its caller; the SDK checks it against the schema of the revision, but types it as empty. */
interface Envelope {
  readonly [CLIENT_CAPABILITIES_META_KEY]?: ClientCapabilities
  readonly [LOG_LEVEL_META_KEY]?: LoggingLevel
}

interface SessionParts {
  readonly session: CallerSession | undefined
  readonly peer: SessionPeer | undefined
}

function handleCalls(
  server: Server,
  toolBroker: McpGateway,
  caller: ToolCaller,
  sessionParts: SessionParts,
): void {
  server.setRequestHandler('tools/call', ({ params: { name, arguments: args = {} } }, context) =>
    withCallOptions(context, sessionParts, (options) =>
      toolBroker.callTool(caller, name, args, options).catch(toolFailure),
    ),
  )
  server.setRequestHandler('prompts/get', ({ params: { name, arguments: args = {} } }, context) =>
    withCallOptions(context, sessionParts, (options) =>
      toolBroker.getPrompt(caller, name, args, options).catch((error: unknown) => {
        throw protocolError(error)
      }),
    ),
  )
  server.setRequestHandler('resources/read', ({ params: { uri } }, context) =>
    withCallOptions(context, sessionParts, (options) =>
      toolBroker.readResource(caller, uri, options).catch((error: unknown) => {
        throw resourceError(uri, error)
      }),
    ),
  )
  server.setRequestHandler('completion/complete', ({ params }, context) =>
    withCallOptions(context, sessionParts, (options) =>
      toolBroker.complete(caller, params, options).catch((error: unknown) => {
        throw protocolError(error)
      }),
    ),
  )
}

/** Runs a call with the options of its request, and sends every notification about it before its response. */
async function withCallOptions<T>(
  { mcpReq }: ServerContext,
  { session, peer }: SessionParts,
  run: (options: CallOptions) => Promise<T>,
): Promise<T> {
  let sent: Promise<unknown> = Promise.resolve()
  const notify = (notification: { method: string; params?: Record<string, unknown> }): void => {
    sent = sent.then(() => mcpReq.notify(notification)).catch(() => undefined)
  }
  const envelope: Envelope = mcpReq.envelope ?? {}
  const token = mcpReq._meta?.progressToken
  const endCall = peer?.startCall(mcpReq.id)
  try {
    return await run({
      signal: mcpReq.signal,
      session,
      clientCapabilities: envelope[CLIENT_CAPABILITIES_META_KEY],
      logLevel: envelope[LOG_LEVEL_META_KEY],
      onLog: (notice) => notify(asNotification(notice)),
      onProgress:
        token === undefined
          ? undefined
          : (progress: Progress) =>
              notify({ method: 'notifications/progress', params: { ...progress, progressToken: token } }),
      inputResponses: mcpReq.inputResponses,
      requestState: mcpReq.requestState<string>(),
      trace: Object.fromEntries(
        TRACE_KEYS.flatMap((key) => (mcpReq._meta?.[key] === undefined ? [] : [[key, mcpReq._meta[key]]])),
      ),
    })
  } finally {
    await endCall?.()
    await sent
  }
}

function serveSession(
  server: Server,
  toolBroker: McpGateway,
  caller: ToolCaller,
  { session, peer }: { session: CallerSession; peer: SessionPeer },
): void {
  const watched = new Map<string, Promise<() => Promise<void>>>()
  server.setRequestHandler('logging/setLevel', async ({ params: { level } }) => {
    peer.logLevel = level
    await toolBroker.setLogLevel(caller, session, level)
    return {}
  })
  server.setRequestHandler('resources/subscribe', async ({ params: { uri } }, { mcpReq }) => {
    const onUpdate = (): void => peer.notify({ method: 'notifications/resources/updated', params: { uri } })
    const watch = watched.get(uri) ?? toolBroker.watchResource(caller, uri, onUpdate, { session })
    watched.set(uri, watch)
    try {
      await watch
    } catch (error) {
      watched.delete(uri)
      throw mcpReq.signal.aborted ? error : resourceError(uri, error)
    }
    return {}
  })
  server.setRequestHandler('resources/unsubscribe', async ({ params: { uri } }) => {
    const stop = await watched.get(uri)
    watched.delete(uri)
    await stop?.()
    return {}
  })
  const unsubscribe = toolBroker.onListChanged(
    (kind) =>
      void server.notification({ method: `notifications/${kind}/list_changed` }).catch(() => undefined),
  )
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's server is no event target
  server.onclose = () => {
    unsubscribe()
    void toolBroker.closeSession(caller, session)
  }
}
