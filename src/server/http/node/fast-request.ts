import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/**
 * A request whose complete body is available as soon as its last byte is parsed. Reading it as a stream takes four turns of
 * `process.nextTick` and 4 of 88 µs more. It can be read either way, but only once.
 */
export class FastRequest extends IncomingMessage {
  #state: 'stream' | 'collecting' | 'complete' = 'stream'
  #parts: Buffer[] = []
  #onBody: ((body: Buffer) => void) | undefined

  static {
    // A body that was read by `readBody` has ended. Otherwise Node would keep the request and its headers until the next
    // request on the connection.
    Object.defineProperty(this.prototype, 'readableEnded', {
      get(this: FastRequest): boolean {
        return this.#state === 'complete' || hasEnded(this)
      },
    })
  }

  /** Call this before the body arrives: in the same tick as the head. If the body never completes, there is no callback. */
  readBody(onBody: (body: Buffer) => void): void {
    this.#state = 'collecting'
    this.#onBody = onBody
    // Marks the request as being read; otherwise Node would discard the body as left over. (`read` does this too, but slower.)
    this._read(0)
  }

  /** The parser calls this with each part of the body, and with `null` after the last one. */
  override push(part: Buffer | null, encoding?: BufferEncoding): boolean {
    if (this.#state === 'stream') return super.push(part, encoding)
    if (part !== null) {
      if (this.#state === 'collecting') this.#parts.push(part)
      return true
    }
    const onBody = this.#onBody
    const body = joined(this.#parts)
    this.#state = 'complete'
    this.#onBody = undefined
    this.#parts = []
    onBody?.(body)
    return false
  }
}

function joined(parts: readonly Buffer[]): Buffer {
  const [only] = parts
  return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts)
}

const readableEnded = Object.getOwnPropertyDescriptor(Readable.prototype, 'readableEnded')

function hasEnded(request: FastRequest): boolean {
  return readableEnded?.get?.call(request) === true
}
