import { GrowingBytes } from '../../base/collections/byte-buffer.ts'
import { BrokerError } from '../../base/errors.ts'

/** A plain answer or an error body larger than this is refused. */
const MOST_BODY_BYTES = 64 * 1024 * 1024

/** Each text that is put together from smaller ones takes as much as some letters more. */
const WORTH_A_TEXT = 4096

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const BYTE_ORDER_MARK = '\uFEFF'

/** Makes sense of the bytes of one answer. */
export interface AnswerReader {
  data(bytes: Uint8Array): void
  end(): void
}

/** Collects a body that is wanted whole: UTF-8, of which what is malformed becomes U+FFFD. */
export class BodyReader implements AnswerReader {
  readonly #onBody: (body: string) => void
  #text = ''
  /** What came since the last byte that can't be in the middle of a character, and small pieces. */
  readonly #kept = new GrowingBytes()
  #bytes = 0

  constructor(onBody: (body: string) => void) {
    this.#onBody = onBody
  }

  data(bytes: Uint8Array): void {
    this.#bytes += bytes.length
    if (this.#bytes > MOST_BODY_BYTES) {
      throw new BrokerError(
        'upstream-failed',
        `the provider's answer is larger than ${MOST_BODY_BYTES} bytes`,
      )
    }
    // A piece is only lent; to keep one costs a copy, and JSON ends in ASCII.
    const isReady = this.#kept.length === 0 && (this.#text === '' || bytes.length >= WORTH_A_TEXT)
    if (isReady && endsInAscii(bytes)) this.#text += decoder.decode(bytes)
    else this.#keep(bytes)
  }

  #keep(bytes: Uint8Array): void {
    this.#kept.add(bytes)
    if (this.#kept.length >= WORTH_A_TEXT && endsInAscii(bytes)) this.#takeKept()
  }

  #takeKept(): void {
    if (this.#kept.length > 0) this.#text += decoder.decode(this.#kept.take())
  }

  end(): void {
    this.#takeKept()
    this.#onBody(this.#text.startsWith(BYTE_ORDER_MARK) ? this.#text.slice(1) : this.#text)
  }
}

function endsInAscii(bytes: Uint8Array): boolean {
  return (bytes.at(-1) ?? 0x80) < 0x80
}
