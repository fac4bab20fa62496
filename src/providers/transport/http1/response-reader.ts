import { ChunkedBody } from './chunked-body.ts'
import { BrokenResponse, MAX_HEAD_BYTES, parseHead, type ResponseHead } from './response-head.ts'

/** Gets the parts of a response. */
export interface ResponseParts {
  onHead(head: ResponseHead): void
  /** A piece of the body; returns false when the rest is not wanted. */
  onPiece(piece: Buffer): boolean
}

const EMPTY_LINE = Buffer.from('\r\n\r\n')
const PROTOCOL = Buffer.from('HTTP/1.')
const MAX_INTERIM = 16

/** The part of a response that the next byte belongs to. */
type Part = 'head' | 'sized-body' | 'chunked-body' | 'endless-body' | 'nothing'

/** Reads the responses of one connection, one at a time, however their bytes are cut. */
export class ResponseReader {
  readonly #parts: ResponseParts
  readonly #onPiece: (piece: Buffer) => boolean
  readonly #chunks = new ChunkedBody()
  #part: Part = 'nothing'
  #left = 0
  #interim = 0
  /** The beginning of a head that comes in several pieces. */
  #kept: Buffer | undefined
  #keptBytes = 0

  constructor(parts: ResponseParts) {
    this.#parts = parts
    this.#onPiece = (piece) => parts.onPiece(piece)
  }

  /** Whether the response is complete. */
  get isDone(): boolean {
    return this.#part === 'nothing'
  }

  /** Whether the body ends with the connection. */
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
    return this.#parts.onPiece(bytes.subarray(at, to)) ? to : end
  }

  #readChunks(bytes: Buffer, at: number, end: number): number {
    const to = this.#chunks.read(bytes, at, end, this.#onPiece)
    if (this.#chunks.isDone) this.#part = 'nothing'
    return to
  }

  /** Returns where the body begins, or `end` while the head is incomplete. */
  #readHead(bytes: Buffer, at: number, end: number): number {
    if (this.#kept !== undefined) return this.#readKeptHead(this.#kept, bytes, at, end)
    const stop = emptyLineIn(bytes, at, end)
    if (stop === -1) {
      this.#kept = Buffer.allocUnsafe(MAX_HEAD_BYTES)
      return this.#readKeptHead(this.#kept, bytes, at, end)
    }
    this.#take(bytes.toString('latin1', at, stop))
    return stop + EMPTY_LINE.length
  }

  /** Appends to the kept bytes, and parses the head once it is complete. */
  #readKeptHead(kept: Buffer, bytes: Buffer, at: number, end: number): number {
    const before = this.#keptBytes
    this.#keptBytes += bytes.copy(kept, before, at, end)
    const stop = emptyLineIn(kept, Math.max(0, before - EMPTY_LINE.length + 1), this.#keptBytes)
    if (stop === -1) {
      refuseNonHttp(kept, before, this.#keptBytes)
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
    if (head.status < 200) return this.#skipInterim(head)
    this.#left = typeof head.bodyEnd === 'number' ? head.bodyEnd : Infinity
    this.#part = partAfter(head)
    if (this.#part === 'chunked-body') this.#chunks.begin()
    this.#parts.onHead(head)
    return undefined
  }

  /** Interim responses (RFC 9110, 15.2) are skipped. */
  #skipInterim({ status }: ResponseHead): void {
    if (status === 101) throw new BrokenResponse('it switches protocols (101), which was not requested')
    if (++this.#interim > MAX_INTERIM)
      throw new BrokenResponse(`it has more than ${MAX_INTERIM} interim responses`)
  }
}

function partAfter({ bodyEnd }: ResponseHead): Part {
  if (bodyEnd === 'chunked') return 'chunked-body'
  if (bodyEnd === 'close') return 'endless-body'
  return bodyEnd === 0 ? 'nothing' : 'sized-body'
}

/** Ignores what is behind `end`: a reused buffer holds an older response there. */
function emptyLineIn(bytes: Buffer, at: number, end: number): number {
  const found = bytes.indexOf(EMPTY_LINE, at)
  if (found === -1 || found + EMPTY_LINE.length > end) return -1
  if (found - at > MAX_HEAD_BYTES) throw tooLarge()
  return found
}

/** Refuses bytes that cannot become a head at once, not only after a timeout. */
function refuseNonHttp(kept: Buffer, from: number, end: number): void {
  const seen = Math.min(end, PROTOCOL.length)
  if (PROTOCOL.compare(kept, 0, seen, 0, seen) !== 0)
    throw new BrokenResponse('it does not begin with HTTP/1')
  for (let lf = kept.indexOf(0x0a, from); lf !== -1 && lf < end; lf = kept.indexOf(0x0a, lf + 1))
    if (kept[lf - 1] !== 0x0d) throw new BrokenResponse('a line does not end with CRLF')
}

function tooLarge(): BrokenResponse {
  return new BrokenResponse(`its headers are larger than ${MAX_HEAD_BYTES} bytes`)
}
