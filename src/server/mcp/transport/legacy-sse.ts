import type { ServerResponse } from 'node:http'
import { type JSONRPCMessage, type Transport, parseJSONRPCMessage } from '@modelcontextprotocol/server'
import type { Clock } from '../../../base/clock.ts'
import { randomLetters } from '../../../base/ids.ts'

const KEEP_ALIVE_MS = 15_000
/** A client that doesn't read is disconnected before its unread messages fill our memory. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024

/** The transport of 2024-11-05: responses on one long stream, requests posted to a second URL. */
export interface LegacySseTransport extends Transport {
  readonly sessionId: string
  /** Takes a posted message. Throws when the body is not a JSON-RPC message. */
  receive(body: unknown): void
}

/** Creates the transport. The client is sent `messagesPath` with the session's id as the URL to post to. */
export function createLegacySse(
  response: ServerResponse,
  messagesPath: string,
  clock: Clock,
): LegacySseTransport {
  let cancelKeepAlive: (() => void) | undefined
  let closed = false
  const keepAlive = (): void => {
    response.write(': keep-alive\n\n')
    cancelKeepAlive = clock.after(KEEP_ALIVE_MS, keepAlive)
  }
  const transport: LegacySseTransport = {
    sessionId: randomLetters(32),
    start() {
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        connection: 'keep-alive',
        'x-accel-buffering': 'no',
      })
      response.write(`event: endpoint\ndata: ${messagesPath}?sessionId=${transport.sessionId}\n\n`)
      response.once('close', () => void transport.close())
      cancelKeepAlive = clock.after(KEEP_ALIVE_MS, keepAlive)
      return Promise.resolve()
    },
    send(message: JSONRPCMessage) {
      if (closed) return Promise.reject(new Error('the stream is closed'))
      response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`)
      if (response.writableLength > MAX_UNREAD_BYTES) response.destroy()
      return Promise.resolve()
    },
    receive(body) {
      transport.onmessage?.(parseJSONRPCMessage(body))
    },
    close() {
      if (closed) return Promise.resolve()
      closed = true
      cancelKeepAlive?.()
      response.end()
      transport.onclose?.()
      return Promise.resolve()
    },
  }
  return transport
}
