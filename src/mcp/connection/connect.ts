import {
  Client,
  type ClientCapabilities,
  type Implementation,
  type PriorDiscovery,
  type Transport,
} from '@modelcontextprotocol/client'
import type { ServerConfig } from '../config/config.ts'
import { MAX_MESSAGE_BYTES, type ServerTransport } from '../transport/server-transport.ts'
import type { CallerClient } from './client-session.ts'
import { Connection, type ListKind } from './connection.ts'
import { listField, type ListProblems, repairLists } from './list-repair.ts'

/** Callbacks of a connection to a server. */
export interface ConnectionEvents {
  /** The server announced that one of its lists changed. */
  onListChanged(kind: ListKind): void
  /** A resource that is subscribed to changed. */
  onResourceUpdated(uri: string): void
  /** The connection closed, from either side. Not called for a failed `connect`. */
  onClosed(): void
}

export interface ConnectOptions {
  readonly config: ServerConfig
  readonly transport: ServerTransport
  /** The client name and version that the server sees. */
  readonly identity: Implementation
  /** The caller's client that this connection serves alone; absent for a connection that relays no server requests. */
  readonly callerClient: CallerClient | undefined
  readonly prior: PriorDiscovery | undefined
  readonly events: ConnectionEvents
  readonly signal: AbortSignal
}

/** Connects and negotiates the protocol revision. Throws the SDK's errors; `transport` is closed in that case. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { config, transport, identity, callerClient, events, signal } = options
  const client = new Client(identity, {
    capabilities: callerClient === undefined ? {} : relayedCapabilities(callerClient.capabilities),
    versionNegotiation: {
      mode: config.era === 'modern' ? { pin: '2026-07-28' } : config.era,
      probe: { timeoutMs: Math.min(5000, config.startTimeoutMs) },
    },
    inputRequired: { autoFulfill: false },
  })
  const listProblems: ListProblems = new Map()
  limitListSize(client, listProblems)
  if (callerClient !== undefined) relayServerRequests(client, callerClient)
  relayChangeNotifications(client, events, callerClient)
  await negotiate(client, options)
  repairLists(transport, listProblems)
  deliverInSeparateTicks(transport)
  const connection = new Connection(client, config, transport, () => [...listProblems.values()].flat())
  if (callerClient !== undefined && connection.era === 'legacy')
    await relayLogMessages(client, connection, callerClient, signal)
  // Set after the connect: a failed attempt is reported by its error alone.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's client is no event target
  client.onclose = () => events.onClosed()
  if (client.transport === undefined) events.onClosed()
  return connection
}

/** The SDK's revision probe ignores the signal, so an abort closes the transport below it. */
async function negotiate(
  client: Client,
  { config, transport, prior, signal }: ConnectOptions,
): Promise<void> {
  const closeTransport = (): void => void transport.close().catch(() => undefined)
  signal.addEventListener('abort', closeTransport, { once: true })
  try {
    await client.connect(transport, {
      signal,
      timeout: config.startTimeoutMs,
      ...(prior !== undefined && config.era === 'auto' && { prior }),
    })
  } catch (error) {
    await transport.close().catch(() => undefined)
    throw error
  } finally {
    signal.removeEventListener('abort', closeTransport)
  }
}

/** As many pages of a list are fetched; the SDK fails at the next one. */
const MAX_PAGES = 64

/**
 * Limits the pages of one list together to the size of one message: the SDK fetches the next page by itself, and would keep a
 * gigabyte of them. What was received until then is used.
 */
function limitListSize(client: Client, problems: ListProblems): void {
  const send = client.request.bind(client) as (...args: unknown[]) => Promise<unknown>
  // All pages of one list are requested with the same options object, and other lists with others.
  const sizes = new WeakMap<object, { readonly bytes: number; readonly pages: number }>()
  const sendWithinLimit = async (
    request: { readonly method: string },
    options: unknown,
  ): Promise<unknown> => {
    const result = await send(request, options)
    if (!request.method.endsWith('/list') || typeof options !== 'object' || options === null) return result
    const before = sizes.get(options) ?? { bytes: 0, pages: 0 }
    const bytes = before.bytes + Buffer.byteLength(JSON.stringify(result))
    const pages = before.pages + 1
    sizes.set(options, { bytes, pages })
    const { nextCursor, ...list } = result as { readonly nextCursor?: unknown }
    const isTooLong = bytes > MAX_MESSAGE_BYTES
    if (!isTooLong && (nextCursor === undefined || pages < MAX_PAGES)) return result
    const limit = isTooLong ? '16 MB' : `${MAX_PAGES} pages`
    problems
      .get(request.method)
      ?.push(`${listField(request.method)}: more than ${limit}; the rest is left out`)
    return isTooLong ? { ...list, [listField(request.method)]: [] } : list
  }
  client.request = sendWithinLimit
}

/**
 * Delivers every message to the client in a tick of its own. The client handles a response at once and a notification a
 * tick later, so progress that arrives in one chunk with the response would find its request already closed.
 */
function deliverInSeparateTicks(transport: Transport): void {
  const deliver = transport.onmessage
  let last: Promise<void> = Promise.resolve()
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport is no event target
  transport.onmessage = (message, extra) => {
    last = last.then(() => deliver?.(message, extra)).catch((error: Error) => transport.onerror?.(error))
  }
}

/** The caller's capabilities that the broker can relay. */
function relayedCapabilities({ sampling, elicitation, roots }: ClientCapabilities): ClientCapabilities {
  return {
    ...(sampling !== undefined && { sampling }),
    ...(elicitation !== undefined && { elicitation }),
    ...(roots !== undefined && { roots: {} }),
  }
}

function relayServerRequests(client: Client, callerClient: CallerClient): void {
  const { sampling, elicitation, roots } = callerClient.capabilities
  if (sampling !== undefined) {
    client.setRequestHandler('sampling/createMessage', (request, context) =>
      callerClient.sample(request.params, context.mcpReq.signal),
    )
  }
  if (elicitation !== undefined) {
    client.setRequestHandler('elicitation/create', (request, context) =>
      callerClient.elicit(request.params, context.mcpReq.signal),
    )
  }
  if (roots !== undefined)
    client.setRequestHandler('roots/list', (_, context) => callerClient.roots(context.mcpReq.signal))
}

function relayChangeNotifications(
  client: Client,
  events: ConnectionEvents,
  callerClient: CallerClient | undefined,
): void {
  client.setNotificationHandler('notifications/tools/list_changed', () => events.onListChanged('tools'))
  client.setNotificationHandler('notifications/prompts/list_changed', () => events.onListChanged('prompts'))
  client.setNotificationHandler('notifications/resources/list_changed', () =>
    events.onListChanged('resources'),
  )
  client.setNotificationHandler('notifications/resources/updated', ({ params }) =>
    events.onResourceUpdated(params.uri),
  )
  if (callerClient !== undefined) {
    client.setNotificationHandler('notifications/elicitation/complete', ({ method, params }) =>
      callerClient.notify({ method, params }),
    )
  }
}

/** A connection with a session serves one caller, so all its log messages go to that caller. */
async function relayLogMessages(
  client: Client,
  connection: Connection,
  callerClient: CallerClient,
  signal: AbortSignal,
): Promise<void> {
  client.setNotificationHandler('notifications/message', ({ method, params }) =>
    callerClient.notify({ method, params }),
  )
  if (callerClient.logLevel !== undefined)
    await connection.setLogLevel(callerClient.logLevel, signal).catch(() => undefined)
}
