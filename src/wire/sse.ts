/** What an event splitter tells: the payload of each event's `data:` lines. Bytes are only valid during the call. */
export type OnEvent = (payload: Uint8Array) => void

/** Raised by a splitter when an event is larger than the bound. */
export class EventTooLarge extends Error {}

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20

/**
 * Cuts a byte stream into server-sent events (WHATWG HTML, 9.2.6) without decoding it. Lines may end in LF or CRLF and
 * may be cut anywhere. A lone CR as line end is not understood: no provider was seen to send it, and JSON has none.
 * What is unfinished when the stream ends is dropped, as the standard says.
 */
export class EventSplitter {
  readonly #onEvent: OnEvent
  readonly #maxBytes: number
  /** The start of a line whose end hasn't come yet, in the pieces it came in: joined once, when it is whole. */
  #line: Uint8Array[] = []
  #lineBytes = 0
  #payload: Uint8Array | undefined

  constructor(onEvent: OnEvent, maxBytes = 16 * 1024 * 1024) {
    this.#onEvent = onEvent
    this.#maxBytes = maxBytes
  }

  /** Takes the next bytes; calls back once for each event that is now whole. */
  feed(bytes: Uint8Array): void {
    let from = 0
    for (;;) {
      const end = bytes.indexOf(LF, from)
      if (end === -1) break
      this.#takeLine(
        this.#lineBytes === 0 ? bytes.subarray(from, end) : this.#joined(bytes.subarray(from, end)),
      )
      from = end + 1
    }
    if (from < bytes.length) this.#keep(bytes.subarray(from))
    // Copies what outlives this call: the caller may read its next bytes into the same buffer.
    if (this.#payload !== undefined) this.#payload = this.#payload.slice()
  }

  #keep(piece: Uint8Array): void {
    this.#lineBytes += piece.length
    if (this.#lineBytes > this.#maxBytes)
      throw new EventTooLarge(`an event is larger than ${this.#maxBytes} bytes`)
    this.#line.push(piece.slice())
  }

  #joined(last: Uint8Array): Uint8Array {
    const line = concat([...this.#line, last])
    this.#line = []
    this.#lineBytes = 0
    return line
  }

  #takeLine(raw: Uint8Array): void {
    const line = raw[raw.length - 1] === CR ? raw.subarray(0, -1) : raw
    if (line.length === 0) {
      const payload = this.#payload
      if (payload === undefined) return
      this.#payload = undefined
      this.#onEvent(payload)
    } else if (isData(line)) {
      const value = line.subarray(line[5] === SPACE ? 6 : 5)
      // An event's data may come in several lines, but a line is nearly always all of it and ends in this very buffer.
      this.#payload = this.#payload === undefined ? value : concat([this.#payload, Uint8Array.of(LF), value])
      if (this.#payload.length > this.#maxBytes)
        throw new EventTooLarge(`an event is larger than ${this.#maxBytes} bytes`)
    }
  }
}

function isData(line: Uint8Array): boolean {
  return line[0] === 0x64 && line[1] === 0x61 && line[2] === 0x74 && line[3] === 0x61 && line[4] === 0x3a
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
