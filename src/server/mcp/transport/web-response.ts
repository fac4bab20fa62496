import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A request as web code sees it; `signal` fires when the caller leaves before its answer is complete. */
export function webRequest(raw: IncomingMessage, body: string | undefined, signal: AbortSignal): Request {
  const headers = new Headers()
  for (let at = 0; at + 1 < raw.rawHeaders.length; at += 2) {
    headers.append(raw.rawHeaders[at] ?? '', raw.rawHeaders[at + 1] ?? '')
  }
  // Only the path is ever looked at: the host of a Unix socket's request names nothing.
  const url = new URL(raw.url ?? '/', 'http://localhost')
  return new Request(url, {
    method: raw.method ?? 'GET',
    headers,
    signal,
    ...(body !== undefined && { body }),
  })
}

/** Fires when the other side of a response is gone and the response was not complete. */
export function leaveSignal(response: ServerResponse): AbortSignal {
  const leave = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) leave.abort()
  })
  if (response.destroyed) leave.abort()
  return leave.signal
}

/** Fires when a response is over, whichever way. */
export function overSignal(response: ServerResponse): AbortSignal {
  const over = new AbortController()
  response.once('close', () => over.abort())
  if (response.destroyed) over.abort()
  return over.signal
}

/** A client that doesn't read is let go before what servers tell it fills our memory: they don't wait for it. */
const MOST_UNREAD_BYTES = 16 * 1024 * 1024
/** More may come at once than was read so far, and may take long: only who reads nothing at all for so long is let go. */
const UNREAD_FOR_MS = 10_000

/** Writes an answer as it comes, headers at once, and stops when the caller leaves or doesn't read. */
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
    // The caller left, or the stream was ended from within: either way there is nothing more to say.
  }
  response.end()
}

/** Resolves when all of it is out; `signal` has to fire when the response is closed, as it is for who doesn't read. */
async function untilRead(response: ServerResponse, signal: AbortSignal, unreadForMs: number): Promise<void> {
  const giveUp = (): void => void response.destroy()
  // A socket's own timeout, for it alone sees how much of one large write is out: what is on its way puts it off.
  response.setTimeout(unreadForMs, giveUp)
  try {
    await once(response, 'drain', { signal })
  } finally {
    response.off('timeout', giveUp).setTimeout(0)
  }
}
