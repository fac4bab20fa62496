import { ByteBuffer } from '../base/collections/byte-buffer.ts'

/** Raised when an event is larger than the bound. */
export class EventTooLarge extends Error {}

const LF = 0x0a
const CR = 0x0d

const decoder = new TextDecoder()

/**
 * Splits a byte stream into server-sent events (WHATWG HTML, 9.2.6) and emits the payload of the `data:` lines of each. Lines
 * may end in LF or CRLF and may be cut anywhere. A lone CR as line end is only recognised where a blank line arrives in one
 * piece: no provider was seen to send it. An unfinished event at the end is emitted by `end` alone.
 */
export class EventSplitter {
  readonly #onEvent: (payload: string) => void
  readonly #maxBytes: number
  /** The start of a line whose end hasn't arrived yet. */
  readonly #line = new ByteBuffer()
  #payload: string | undefined

  constructor(onEvent: (payload: string) => void, maxBytes = 16 * 1024 * 1024) {
    this.#onEvent = onEvent
    this.#maxBytes = maxBytes
  }

  /** Takes the next bytes and calls back for each complete event. Complete lines are decoded at once, the rest is kept. */
  feed(bytes: Uint8Array): void {
    const end = bytes.lastIndexOf(LF) + 1
    if (end === 0 && endsLinesWithCr(bytes)) return this.feed(bytes.map((byte) => (byte === CR ? LF : byte)))
    if (end > 0) {
      const lines = end === bytes.length ? bytes : bytes.subarray(0, end)
      this.#takeLines(decoder.decode(this.#line.length === 0 ? lines : this.#joined(lines)))
    }
    if (end < bytes.length) this.#keep(bytes.subarray(end))
    return undefined
  }

  /**
   * The end of the stream. The standard drops an unfinished event; here its data is emitted all the same, because some
   * providers end a stream right behind their last line. Whether it is whole is for the reader of the data to see.
   */
  end(): void {
    if (this.#line.length > 0) this.#takeLines(`${decoder.decode(this.#line.take())}\n`)
    this.#dispatch()
  }

  #keep(piece: Uint8Array): void {
    this.#check(this.#line.length + piece.length)
    this.#line.add(piece)
  }

  #joined(last: Uint8Array): Uint8Array {
    this.#line.add(last)
    return this.#line.take()
  }

  #takeLines(text: string): void {
    let from = 0
    while (from < text.length) {
      const end = text.indexOf('\n', from)
      const to = text.charCodeAt(end - 1) === CR ? end - 1 : end
      if (to <= from) this.#dispatch()
      else if (text.startsWith('data:', from))
        this.#takeData(text.slice(text[from + 5] === ' ' ? from + 6 : from + 5, to))
      // Not in the standard: llama.cpp sends errors under this name (https://github.com/ggml-org/llama.cpp/pull/16109).
      else if (text.startsWith('error:', from)) this.#takeData(text.slice(from + 6, to).trimStart())
      from = end + 1
    }
  }

  #takeData(value: string): void {
    this.#payload = this.#payload === undefined ? value : `${this.#payload}\n${value}`
    this.#check(this.#payload.length)
  }

  #dispatch(): void {
    const payload = this.#payload
    if (payload === undefined) return
    this.#payload = undefined
    this.#onEvent(payload)
  }

  #check(size: number): void {
    if (size > this.#maxBytes) throw new EventTooLarge(`an event is larger than ${this.#maxBytes} bytes`)
  }
}

/** Whether bytes without any LF have a blank line of lone CRs. */
function endsLinesWithCr(bytes: Uint8Array): boolean {
  const at = bytes.indexOf(CR)
  return at !== -1 && bytes[at + 1] === CR
}

/** Yields the payloads of the events of a stream as they arrive. Throws `EventTooLarge`. */
export async function* eventsIn(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const payloads: string[] = []
  const splitter = new EventSplitter((payload) => payloads.push(payload))
  for await (const piece of bytes) {
    splitter.feed(piece)
    yield* payloads.splice(0)
  }
}
