import { ByteBuffer } from '../../base/collections/byte-buffer.ts'
import { BrokerError } from '../../base/errors.ts'

/** A plain response or an error body larger than this is refused. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

/** Smaller pieces are joined as bytes first, because each concatenation of strings costs memory, too. */
const MIN_TEXT_BYTES = 4096

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const BYTE_ORDER_MARK = '\uFEFF'

/** Takes the bytes of one response body. */
export interface BodyConsumer {
  data(bytes: Uint8Array): void
  end(): void
}

/** Collects a whole body as text: UTF-8, where malformed bytes become U+FFFD. */
export class BodyReader implements BodyConsumer {
  readonly #onBody: (body: string) => void
  #text = ''
  /** Small pieces, and bytes that may end in the middle of a character. */
  readonly #kept = new ByteBuffer()
  #bytes = 0

  constructor(onBody: (body: string) => void) {
    this.#onBody = onBody
  }

  data(bytes: Uint8Array): void {
    this.#bytes += bytes.length
    if (this.#bytes > MAX_BODY_BYTES) {
      throw new BrokerError(
        'upstream-failed',
        `the provider's response is larger than ${MAX_BODY_BYTES} bytes`,
      )
    }
    // The bytes are only valid during the call, so keeping them costs a copy. JSON ends in ASCII.
    const isReady = this.#kept.length === 0 && (this.#text === '' || bytes.length >= MIN_TEXT_BYTES)
    if (isReady && endsInAscii(bytes)) this.#text += decoder.decode(bytes)
    else this.#keep(bytes)
  }

  #keep(bytes: Uint8Array): void {
    this.#kept.add(bytes)
    if (this.#kept.length >= MIN_TEXT_BYTES && endsInAscii(bytes)) this.#takeKept()
  }

  #takeKept(): void {
    if (this.#kept.length > 0) this.#text += decoder.decode(this.#kept.take())
  }

  /** What has come so far. */
  peek(): string {
    this.#takeKept()
    return this.#text
  }

  end(): void {
    this.#takeKept()
    this.#onBody(this.#text.startsWith(BYTE_ORDER_MARK) ? this.#text.slice(1) : this.#text)
  }
}

function endsInAscii(bytes: Uint8Array): boolean {
  return (bytes.at(-1) ?? 0x80) < 0x80
}
