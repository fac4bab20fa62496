import type { Readable, Writable } from 'node:stream'
import {
  type JSONRPCMessage,
  type JSONRPCRequest,
  PROTOCOL_VERSION_META_KEY,
  SdkHttpError,
  StreamableHTTPClientTransport,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  parseJSONRPCMessage,
} from '@modelcontextprotocol/client'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { Agent, fetch as undiciFetch } from 'undici'

const INTERNAL_ERROR = -32603

export interface McpBridge {
  /** The broker's socket that serves `/mcp`. */
  readonly socketPath: string
  readonly input: Readable
  readonly output: Writable
}

/**
 * Carries MCP between a desktop client, which starts a program and speaks over its standard streams, and the broker's
 * socket. Messages of every protocol revision pass unchanged. Resolves when the client closes the input.
 */
export async function bridgeMcp({ socketPath, input, output }: McpBridge): Promise<void> {
  const agent = new Agent({ connect: { socketPath }, headersTimeout: 0, bodyTimeout: 0 })
  const broker = new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), {
    // The two `fetch` types differ only in the module that declares them.
    fetch: (url, init) =>
      undiciFetch(url, { ...init, dispatcher: agent } as unknown as Parameters<typeof undiciFetch>[1]),
  })
  const client = new StdioServerTransport(input, output)
  const pendingCalls = new Map<string | number, AbortController>()
  let initializeId: string | number | undefined

  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport is not an event target
  broker.onmessage = (message) => {
    const isResponse = isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)
    if (isResponse && message.id !== undefined) pendingCalls.delete(message.id)
    if (isJSONRPCResultResponse(message) && message.id === initializeId) {
      broker.setProtocolVersion(String(message.result['protocolVersion']))
    }
    void client.send(message)
  }
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport is not an event target
  client.onmessage = (message) => {
    const cancelled = cancelledId(message)
    const pendingCall = cancelled === undefined ? undefined : pendingCalls.get(cancelled)
    // Without a session a call is cancelled by closing its HTTP request.
    if (pendingCall !== undefined) return pendingCall.abort()
    void forward(message)
  }

  async function forward(message: JSONRPCMessage): Promise<void> {
    const controller = new AbortController()
    if (isJSONRPCRequest(message)) {
      if (message.method === 'initialize') initializeId = message.id
      if (isStateless(message)) pendingCalls.set(message.id, controller)
    }
    try {
      await broker.send(message, { requestSignal: controller.signal })
    } catch (error) {
      if (isJSONRPCRequest(message) && !controller.signal.aborted)
        await client.send(toErrorResponse(message, error, socketPath))
    }
  }

  await broker.start()
  await client.start()
  await new Promise<void>((resolve) => {
    input.once('end', resolve)
    input.once('close', resolve)
    output.once('error', () => resolve())
  })
  for (const controller of pendingCalls.values()) controller.abort()
  await broker.terminateSession().catch(() => undefined)
  await broker.close()
  await client.close()
  await agent.destroy()
}

function isStateless(message: JSONRPCMessage): boolean {
  const meta = 'params' in message ? message.params?.['_meta'] : undefined
  return typeof meta === 'object' && meta !== null && PROTOCOL_VERSION_META_KEY in meta
}

function cancelledId(message: JSONRPCMessage): string | number | undefined {
  if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined
  const id = message.params?.['requestId']
  return typeof id === 'string' || typeof id === 'number' ? id : undefined
}

/** The JSON-RPC error of the broker's response if it has one, otherwise an error of our own. */
function toErrorResponse({ id }: JSONRPCRequest, error: unknown, socketPath: string): JSONRPCMessage {
  const rpcError = SdkHttpError.isInstance(error) ? rpcErrorIn(error.data['text']) : undefined
  if (rpcError !== undefined) return { jsonrpc: '2.0', id, error: rpcError }
  const message = SdkHttpError.isInstance(error)
    ? `the broker responded with HTTP status ${error.data.status}`
    : `no broker answers at ${socketPath}; start one with hero_aibroker_server`
  return { jsonrpc: '2.0', id, error: { code: INTERNAL_ERROR, message } }
}

function rpcErrorIn(text: unknown) {
  try {
    const { id: _, ...response } = JSON.parse(String(text)) as Record<string, unknown>
    const parsed = parseJSONRPCMessage({ ...response, id: 0 })
    return isJSONRPCErrorResponse(parsed) ? parsed.error : undefined
  } catch {
    return undefined
  }
}
