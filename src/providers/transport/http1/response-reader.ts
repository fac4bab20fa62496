import { ChunkedBody } from './chunked-body.ts'
import { BrokenResponse, MOST_HEAD_BYTES, parseHead, type ResponseHead } from './response-head.ts'

/** Hears one response. */
export interface ResponseSink {
  head(head: ResponseHead): void
  /** False means that nobody wants the rest. */
  piece(piece: Buffer): boolean
}

const EMPTY_LINE = Buffer.from('\r\n\r\n')
const PROTOCOL = Buffer.from('HTTP/1.')
const MOST_INTERIM = 16

/** What the next byte belongs to. */
type Part = 'head' | 'sized-body' | 'chunked-body' | 'endless-body' | 'nothing'

/** Reads responses off one connection, one at a time, in whatever pieces they come. */
export class ResponseReader {
  readonly #sink: ResponseSink
  readonly #onPiece: (piece: Buffer) => boolean
  readonly #chunks = new ChunkedBody()
  #part: Part = 'nothing'
  #left = 0
  #interim = 0
  /** The beginning of a head that came in pieces. */
  #kept: Buffer | undefined
  #keptBytes = 0

  constructor(sink: ResponseSink) {
    this.#sink = sink
    this.#onPiece = (piece) => sink.piece(piece)
  }

  /** Whether the response was read to its end. */
  get isDone(): boolean {
    return this.#part === 'nothing'
  }

  /** Whether the end of the connection is the end of the body. */
  get isEndless(): boolean {
    return this.#part === 'endless-body'
  }

  get isInBody(): boolean {
    return this.#part !== 'head' && this.#part !== 'nothing'
  }

  /** The next byte is the first of a response. */
  begin(): void {
    this.#part = 'head'
    this.#interim = 0
    this.#forget()
  }

  /** Returns how many bytes belonged to the response: fewer than `end` when something follows it. Throws `BrokenResponse`. */
  read(bytes: Buffer, end: number): number {
    let at = 0
    while (this.#part === 'head' && at < end) at = this.#readHead(bytes, at, end)
    return at < end ? this.#readBody(bytes, at, end) : at
  }

  #readBody(bytes: Buffer, at: number, end: number): number {
    if (this.#part === 'nothing') return at
    if (this.#part === 'chunked-body') return this.#readChunks(bytes, at, end)
    const to = this.#part === 'sized-body' ? Math.min(end, at + this.#left) : end
    this.#left -= to - at
    if (this.#left === 0) this.#part = 'nothing'
    return this.#sink.piece(bytes.subarray(at, to)) ? to : end
  }

  #readChunks(bytes: Buffer, at: number, end: number): number {
    const to = this.#chunks.read(bytes, at, end, this.#onPiece)
    if (this.#chunks.isDone) this.#part = 'nothing'
    return to
  }

  /** Returns where the body begins, or `end` while the head is not whole. */
  #readHead(bytes: Buffer, at: number, end: number): number {
    if (this.#kept !== undefined) return this.#readKeptHead(this.#kept, bytes, at, end)
    const stop = emptyLineIn(bytes, at, end)
    if (stop === -1) {
      this.#kept = Buffer.allocUnsafe(MOST_HEAD_BYTES)
      return this.#readKeptHead(this.#kept, bytes, at, end)
    }
    this.#take(bytes.toString('latin1', at, stop))
    return stop + EMPTY_LINE.length
  }

  /** Appends to what is kept, and reads the head when that completes it. */
  #readKeptHead(kept: Buffer, bytes: Buffer, at: number, end: number): number {
    const before = this.#keptBytes
    this.#keptBytes += bytes.copy(kept, before, at, end)
    const stop = emptyLineIn(kept, Math.max(0, before - EMPTY_LINE.length + 1), this.#keptBytes)
    if (stop === -1) {
      refuseForeign(kept, before, this.#keptBytes)
      if (this.#keptBytes === kept.length) throw tooLarge()
      return end
    }
    this.#forget()
    this.#take(kept.toString('latin1', 0, stop))
    return at + stop + EMPTY_LINE.length - before
  }

  #forget(): void {
    this.#kept = undefined
    this.#keptBytes = 0
  }

  #take(text: string): void {
    const head = parseHead(text)
    if (head.status < 200) return this.#readOver(head)
    this.#left = typeof head.bodyEnd === 'number' ? head.bodyEnd : Infinity
    this.#part = partAfter(head)
    if (this.#part === 'chunked-body') this.#chunks.begin()
    this.#sink.head(head)
    return undefined
  }

  /** An interim response (RFC 9110, 15.2) says nothing to us. */
  #readOver({ status }: ResponseHead): void {
    if (status === 101) throw new BrokenResponse('it changes the protocol, for which nobody asked')
    if (++this.#interim > MOST_INTERIM) throw new BrokenResponse('interim responses don’t end')
  }
}

function partAfter({ bodyEnd }: ResponseHead): Part {
  if (bodyEnd === 'chunked') return 'chunked-body'
  if (bodyEnd === 'close') return 'endless-body'
  return bodyEnd === 0 ? 'nothing' : 'sized-body'
}

/** Looks at fresh bytes only: behind `end` a buffer that is used again holds an older answer. */
function emptyLineIn(bytes: Buffer, at: number, end: number): number {
  const found = bytes.indexOf(EMPTY_LINE, at)
  if (found === -1 || found + EMPTY_LINE.length > end) return -1
  if (found - at > MOST_HEAD_BYTES) throw tooLarge()
  return found
}

/** What can't become a head any more is refused at once, not when the time is up. */
function refuseForeign(kept: Buffer, from: number, end: number): void {
  const seen = Math.min(end, PROTOCOL.length)
  if (PROTOCOL.compare(kept, 0, seen, 0, seen) !== 0)
    throw new BrokenResponse('it does not begin with HTTP/1')
  for (let lf = kept.indexOf(0x0a, from); lf !== -1 && lf < end; lf = kept.indexOf(0x0a, lf + 1))
    if (kept[lf - 1] !== 0x0d) throw new BrokenResponse('a line does not end with CRLF')
}

function tooLarge(): BrokenResponse {
  return new BrokenResponse(`its headers are larger than ${MOST_HEAD_BYTES} bytes`)
}
