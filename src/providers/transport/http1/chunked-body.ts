import { BrokenResponse } from './response-head.ts'

/** Gets a body piece by piece; returns false when the rest is not wanted. */
export type OnPiece = (piece: Buffer) => boolean

const MAX_CHUNK_BYTES = 2 ** 32
const MAX_SIZE_DIGITS = 16
/** Chunk extensions are skipped; no provider is known to send any. */
const MAX_EXTENSION_BYTES = 256
const MAX_TRAILER_BYTES = 16 * 1024

/** The position of the next byte in the grammar of RFC 9112, 7.1. */
const FIRST_DIGIT = 0
const DIGITS = 1
const BLANKS = 2
const EXTENSION = 3
const SIZE_LF = 4
const DATA = 5
const DATA_CR = 6
const DATA_LF = 7
const TRAILER_START = 8
const TRAILER = 9
const TRAILER_LF = 10
const LAST_LF = 11
const DONE = 12

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const SEMICOLON = 0x3b

/** Decodes a chunked body, however its bytes are cut. */
export class ChunkedBody {
  #state = FIRST_DIGIT
  #size = 0
  /** Digits, extension bytes or trailer bytes so far; each kind has its maximum. */
  #count = 0

  get isDone(): boolean {
    return this.#state === DONE
  }

  begin(): void {
    this.#state = FIRST_DIGIT
  }

  /** Reads from `at`; returns where it stopped: `end`, or just after the body's last byte. Throws `BrokenResponse`. */
  read(bytes: Buffer, at: number, end: number, onPiece: OnPiece): number {
    while (at < end && this.#state !== DONE) {
      if (this.#state === DATA) {
        const to = Math.min(end, at + this.#size)
        this.#size -= to - at
        if (this.#size === 0) this.#state = DATA_CR
        if (!onPiece(bytes.subarray(at, to))) return end
        at = to
      } else {
        this.#state = this.#after(bytes[at] ?? LF)
        at++
      }
    }
    return at
  }

  /** The state after a byte of the framing. */
  #after(byte: number): number {
    switch (this.#state) {
      case FIRST_DIGIT:
        this.#size = 0
        this.#count = 0
        return this.#digit(byte)
      case DIGITS:
        if (byte === CR) return SIZE_LF
        if (byte === SEMICOLON) return this.#beginExtension(EXTENSION)
        if (isBlank(byte)) return this.#beginExtension(BLANKS)
        return this.#digit(byte)
      case BLANKS:
        if (byte === SEMICOLON) return EXTENSION
        if (!isBlank(byte)) throw new BrokenResponse('a chunk’s size is followed by something unknown')
        return this.#counted(BLANKS, MAX_EXTENSION_BYTES)
      case EXTENSION:
        return byte === CR ? SIZE_LF : this.#text(byte, EXTENSION, MAX_EXTENSION_BYTES)
      case SIZE_LF:
        this.#count = 0
        return expectLf(byte, this.#size === 0 ? TRAILER_START : DATA)
      case DATA_CR:
        if (byte !== CR) throw new BrokenResponse('a chunk is longer than its size')
        return DATA_LF
      case DATA_LF:
        return expectLf(byte, FIRST_DIGIT)
      case TRAILER_START:
        return byte === CR ? LAST_LF : this.#text(byte, TRAILER, MAX_TRAILER_BYTES)
      case TRAILER:
        return byte === CR
          ? this.#counted(TRAILER_LF, MAX_TRAILER_BYTES)
          : this.#text(byte, TRAILER, MAX_TRAILER_BYTES)
      case TRAILER_LF:
        return expectLf(byte, TRAILER_START)
      default:
        return expectLf(byte, DONE)
    }
  }

  #digit(byte: number): number {
    const value = hexValue(byte)
    if (value === -1) throw new BrokenResponse('a chunk’s size is no hexadecimal number')
    this.#size = this.#size * 16 + value
    if (this.#size > MAX_CHUNK_BYTES) throw new BrokenResponse('a chunk is too large')
    return this.#counted(DIGITS, MAX_SIZE_DIGITS)
  }

  #beginExtension(state: number): number {
    this.#count = 0
    return state
  }

  #text(byte: number, state: number, max: number): number {
    if (byte !== TAB && (byte < SPACE || byte === 0x7f))
      throw new BrokenResponse('a line of its chunks holds a control character')
    return this.#counted(state, max)
  }

  #counted(state: number, max: number): number {
    if (++this.#count > max) throw new BrokenResponse('a line of its chunks is too long')
    return state
  }
}

function expectLf(byte: number, next: number): number {
  if (byte !== LF) throw new BrokenResponse('a line of its chunks does not end with CRLF')
  return next
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
