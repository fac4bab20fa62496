import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A request as a `Request` of the Fetch API. `signal` fires when the caller disconnects before the response is complete. */
export function webRequest(raw: IncomingMessage, body: string | undefined, signal: AbortSignal): Request {
  const headers = new Headers()
  for (let at = 0; at + 1 < raw.rawHeaders.length; at += 2) {
    headers.append(raw.rawHeaders[at] ?? '', raw.rawHeaders[at + 1] ?? '')
  }
  // Only the path is used: the host in a request over a Unix socket is meaningless.
  const url = new URL(raw.url ?? '/', 'http://localhost')
  return new Request(url, {
    method: raw.method ?? 'GET',
    headers,
    signal,
    ...(body !== undefined && { body }),
  })
}

/** Fires when the caller disconnects before the response is complete. */
export function disconnectSignal(response: ServerResponse): AbortSignal {
  const disconnect = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) disconnect.abort()
  })
  if (response.destroyed) disconnect.abort()
  return disconnect.signal
}

/** Fires when the response is closed, complete or not. */
export function closeSignal(response: ServerResponse): AbortSignal {
  const closed = new AbortController()
  response.once('close', () => closed.abort())
  if (response.destroyed) closed.abort()
  return closed.signal
}

/** A client that doesn't read is disconnected before messages of upstream servers, which don't wait for it, fill our memory. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024
/** A large message may take long to read: a client is disconnected only if it reads nothing at all for this long. */
const UNREAD_TIMEOUT_MS = 10_000

/** Writes a response as it arrives, headers at once, and stops when the caller disconnects or doesn't read. */
export async function writeWebResponse(
  webResponse: Response,
  response: ServerResponse,
  signal: AbortSignal,
  { unreadTimeoutMs = UNREAD_TIMEOUT_MS }: { unreadTimeoutMs?: number } = {},
): Promise<void> {
  response.writeHead(webResponse.status, Object.fromEntries(webResponse.headers))
  response.flushHeaders()
  try {
    for await (const chunk of webResponse.body ?? []) {
      if (signal.aborted) break
      response.write(chunk)
      if (response.writableLength > MAX_UNREAD_BYTES) await untilDrained(response, signal, unreadTimeoutMs)
    }
  } catch {
    // The caller disconnected, or the stream was ended by its producer: there is nothing more to write.
  }
  response.end()
}

/** Resolves when the buffer is drained. `signal` must fire when the response is closed, as happens for a client that doesn't read. */
async function untilDrained(
  response: ServerResponse,
  signal: AbortSignal,
  unreadTimeoutMs: number,
): Promise<void> {
  const giveUp = (): void => void response.destroy()
  // The timeout of the socket, because only the socket sees the progress within one large write and extends the timeout.
  response.setTimeout(unreadTimeoutMs, giveUp)
  try {
    await once(response, 'drain', { signal })
  } finally {
    response.off('timeout', giveUp).setTimeout(0)
  }
}
