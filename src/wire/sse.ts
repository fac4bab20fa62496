import { ByteBuffer } from '../base/collections/byte-buffer.ts'

/** Raised when an event is larger than the bound. */
export class EventTooLarge extends Error {}

const LF = 0x0a
const CR = 0x0d

const decoder = new TextDecoder()

/** @param isError whether the event has the name `error`. */
type EventListener = (payload: string, isError: boolean) => void

/**
 * Splits a byte stream into server-sent events (WHATWG HTML, 9.2.6) and emits the payload of the `data:` lines of each. Lines
 * may end in LF, CRLF or CR and may be cut anywhere; a stream whose lines end in CR has no LF at all. An unfinished event at
 * the end is emitted by `end` alone.
 *
 * Not in the standard, and read all the same: lines of `error:` (llama.cpp, https://github.com/ggml-org/llama.cpp/pull/16109),
 * and lines of JSON without a field name, each an event: gateways write errors into a stream like that, or all of it.
 */
export class EventSplitter {
  readonly #onEvent: EventListener
  readonly #maxBytes: number
  /** The start of a line whose end hasn't arrived yet. */
  readonly #line = new ByteBuffer()
  #payload: string | undefined
  #isError = false
  #endsLinesWithCr = false

  constructor(onEvent: EventListener, maxBytes = 16 * 1024 * 1024) {
    this.#onEvent = onEvent
    this.#maxBytes = maxBytes
  }

  /** Takes the next bytes and calls back for each complete event. Complete lines are decoded at once, the rest is kept. */
  feed(bytes: Uint8Array): void {
    const end = bytes.lastIndexOf(LF) + 1
    if (end === 0 && this.#hasLoneCr(bytes)) return this.#feedCr(bytes)
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

  /** Whether a line ends in a CR that no LF follows. Decided by pieces without any LF, and once. */
  #hasLoneCr(bytes: Uint8Array): boolean {
    if (this.#endsLinesWithCr) return bytes.includes(CR)
    const at = bytes.indexOf(CR)
    this.#endsLinesWithCr =
      (at !== -1 && at < bytes.length - 1) || (this.#line.last === CR && bytes.length > 0)
    return this.#endsLinesWithCr
  }

  #feedCr(bytes: Uint8Array): void {
    const all = this.#line.length === 0 ? bytes : this.#joined(bytes)
    this.feed(all.map((byte) => (byte === CR ? LF : byte)))
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
      else this.#takeOther(text, from, to)
      from = end + 1
    }
  }

  #takeOther(text: string, from: number, to: number): void {
    const line = text.slice(from, to).trim()
    if (line.startsWith('event:')) this.#isError = line.slice(6).trim() === 'error'
    else if (line.startsWith('error:')) this.#takeData(line.slice(6).trim())
    else if (line[0] === '{' || line[0] === '[') this.#takeDocument(line)
  }

  /** No blank line ends it. */
  #takeDocument(line: string): void {
    if (this.#payload !== undefined) this.#dispatch()
    this.#takeData(line)
    this.#dispatch()
  }

  #takeData(value: string): void {
    this.#payload = this.#payload === undefined ? value : `${this.#payload}\n${value}`
    this.#check(this.#payload.length)
  }

  #dispatch(): void {
    const payload = this.#payload
    const isError = this.#isError
    if (isError) this.#isError = false
    if (payload === undefined) return
    this.#payload = undefined
    this.#onEvent(payload, isError)
  }

  #check(size: number): void {
    if (size > this.#maxBytes) throw new EventTooLarge(`an event is larger than ${this.#maxBytes} bytes`)
  }
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
