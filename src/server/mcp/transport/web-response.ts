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
export function leaveSignal(response: ServerResponse): AbortSignal {
  const leave = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) leave.abort()
  })
  if (response.destroyed) leave.abort()
  return leave.signal
}

/** Fires when the response is closed, complete or not. */
export function overSignal(response: ServerResponse): AbortSignal {
  const over = new AbortController()
  response.once('close', () => over.abort())
  if (response.destroyed) over.abort()
  return over.signal
}

/** A client that doesn't read is disconnected before messages of upstream servers, which don't wait for it, fill our memory. */
const MOST_UNREAD_BYTES = 16 * 1024 * 1024
/** A large message may take long to read: a client is disconnected only if it reads nothing at all for this long. */
const UNREAD_FOR_MS = 10_000

/** Writes a response as it arrives, headers at once, and stops when the caller disconnects or doesn't read. */
export async function writeWebResponse(
  answer: Response,
  response: ServerResponse,
  signal: AbortSignal,
  { unreadForMs = UNREAD_FOR_MS }: { unreadForMs?: number } = {},
): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  response.flushHeaders()
  try {
    for await (const chunk of answer.body ?? []) {
      if (signal.aborted) break
      response.write(chunk)
      if (response.writableLength > MOST_UNREAD_BYTES) await untilRead(response, signal, unreadForMs)
    }
  } catch {
    // The caller disconnected, or the stream was ended by its producer: there is nothing more to write.
  }
  response.end()
}

/** Resolves when the buffer is drained. `signal` must fire when the response is closed, as happens for a client that doesn't read. */
async function untilRead(response: ServerResponse, signal: AbortSignal, unreadForMs: number): Promise<void> {
  const giveUp = (): void => void response.destroy()
  // The timeout of the socket, because only the socket sees the progress within one large write and extends the timeout.
  response.setTimeout(unreadForMs, giveUp)
  try {
    await once(response, 'drain', { signal })
  } finally {
    response.off('timeout', giveUp).setTimeout(0)
  }
}
