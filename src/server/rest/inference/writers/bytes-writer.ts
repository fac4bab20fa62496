import type { ServerResponse } from 'node:http'
import type { BrokerError } from '../../../../base/errors.ts'
import type { ResponseHead } from '../../../../inference/response/response-formatter.ts'
import { renderError } from '../../../http/errors/error-response.ts'

/** Writes a 200 response whose bytes come from a provider: sound, or server-sent events. */
export class BytesWriter {
  readonly #raw: ServerResponse
  readonly #isEvents: boolean

  constructor(raw: ServerResponse, { contentType, headers }: ResponseHead) {
    this.#raw = raw
    this.#isEvents = contentType.startsWith('text/event-stream')
    const ofEvents = this.#isEvents ? { 'cache-control': 'no-cache', 'x-accel-buffering': 'no' } : {}
    raw.writeHead(200, { ...headers, ...ofEvents, 'content-type': contentType })
  }

  /** Returns false when the caller reads too slowly. `onDrain` is called once it can take more. */
  write(piece: Uint8Array, onDrain: () => void): boolean {
    const raw = this.#raw
    if (!raw.writable || raw.writableEnded) return true
    // Node keeps the bytes until the system takes them, and the provider's are only valid for now.
    const hasCapacity = raw.write(Buffer.from(piece))
    if (!hasCapacity && raw.listenerCount('drain') === 0) raw.once('drain', onDrain)
    return hasCapacity
  }

  end(): void {
    this.#raw.end()
  }

  /** Reports a failure as the last event. Sound that breaks off has no place for it: the connection is destroyed, so that it cannot look complete. */
  fail(error: BrokerError): void {
    if (!this.#isEvents) this.#raw.destroy()
    else this.#raw.end(`data: ${JSON.stringify({ type: 'error', ...renderError(error).body })}\n\n`)
  }
}
