import { IncomingMessage } from 'node:http'

const EMPTY = Buffer.alloc(0)

/**
 * A request whose body can be had in the moment when its last byte is parsed. To read it as a stream takes four turns of
 * `process.nextTick` and 4 of 88 µs more; both ways are open as long as none was taken.
 */
export class Incoming extends IncomingMessage {
  #parts: Buffer[] | undefined
  #whole: ((body: Buffer) => void) | undefined

  /** To be called before the body comes, which is in the same turn as the head. Without a whole body nobody is called. */
  whole(then: (body: Buffer) => void): void {
    this.#whole = then
    this.#parts = []
    // Says to Node that somebody reads; else it would throw away what it thinks is left over.
    this.read(0)
  }

  /** What the parser calls with each part, and with `null` after the last. */
  override push(part: Buffer | null, encoding?: BufferEncoding): boolean {
    const parts = this.#parts
    if (parts === undefined) return super.push(part, encoding)
    if (part !== null) {
      parts.push(part)
      return true
    }
    const whole = this.#whole
    this.#whole = undefined
    this.#parts = EMPTY_LIST
    whole?.(joined(parts))
    return false
  }
}

const EMPTY_LIST: Buffer[] = []

function joined(parts: readonly Buffer[]): Buffer {
  const [only = EMPTY] = parts
  return parts.length <= 1 ? only : Buffer.concat(parts)
}
