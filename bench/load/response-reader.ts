const HEAD_END = Buffer.from('\r\n\r\n')
const LINE_END = Buffer.from('\r\n')

export interface LoadResponse {
  readonly status: number
  readonly body: Buffer
}

/**
 * Reads HTTP/1.1 responses from one connection, one at a time, wherever the network cuts them. It supports bodies with a
 * Content-Length and chunked bodies, which is what proxies of JSON and SSE send; anything else is an error.
 */
export class LoadResponseReader {
  readonly #onFirst: (status: number) => void
  readonly #onComplete: (answer: LoadResponse) => void
  #pending: Buffer | undefined
  #status = 0
  #state: 'head' | 'counted' | 'chunked' = 'head'
  #remaining = 0
  #parts: Buffer[] = []

  /** `onFirst` is called at the first byte of a body, `onWhole` with the complete response. */
  constructor(onFirst: (status: number) => void, onComplete: (answer: LoadResponse) => void) {
    this.#onFirst = onFirst
    this.#onComplete = onComplete
  }

  feed(bytes: Buffer): void {
    let rest: Buffer | undefined = this.#pending === undefined ? bytes : Buffer.concat([this.#pending, bytes])
    this.#pending = undefined
    while (rest !== undefined && rest.length > 0) {
      const next: Buffer | undefined =
        this.#state === 'head'
          ? this.#head(rest)
          : this.#state === 'counted'
            ? this.#counted(rest)
            : this.#chunked(rest)
      // Nothing was consumed: the rest of a head, a size line or a chunk has not arrived yet.
      if (next === rest) this.#pending = rest
      rest = next === rest ? undefined : next
    }
  }

  #head(bytes: Buffer): Buffer {
    const end = bytes.indexOf(HEAD_END)
    if (end < 0) return bytes
    const head = bytes.toString('latin1', 0, end)
    this.#status = Number(head.slice(9, 12))
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    const isChunked = /\r\ntransfer-encoding: *chunked/i.test(head)
    if (length === undefined && !isChunked) throw new Error(`a response without length or chunks: ${head}`)
    this.#state = isChunked ? 'chunked' : 'counted'
    this.#remaining = Number(length ?? 0)
    const rest = bytes.subarray(end + HEAD_END.length)
    if (!isChunked && this.#remaining === 0) this.#finish()
    return rest
  }

  #counted(bytes: Buffer): Buffer {
    const part = bytes.subarray(0, this.#remaining)
    this.#take(part)
    this.#remaining -= part.length
    if (this.#remaining === 0) this.#finish()
    return bytes.subarray(part.length)
  }

  /** Consumes whole chunks only; those of the benchmark are small. */
  #chunked(bytes: Buffer): Buffer {
    const lineEnd = bytes.indexOf(LINE_END)
    if (lineEnd < 0) return bytes
    const size = Number.parseInt(bytes.toString('latin1', 0, lineEnd), 16)
    if (Number.isNaN(size)) throw new Error(`not a chunk size: ${bytes.toString('latin1', 0, lineEnd)}`)
    const start = lineEnd + LINE_END.length
    const next = start + size + LINE_END.length
    if (bytes.length < next) return bytes
    if (size === 0) this.#finish()
    else this.#take(bytes.subarray(start, start + size))
    return bytes.subarray(next)
  }

  #take(part: Buffer): void {
    if (this.#parts.length === 0) this.#onFirst(this.#status)
    this.#parts.push(part)
  }

  #finish(): void {
    const [only, ...more] = this.#parts
    const body = only !== undefined && more.length === 0 ? only : Buffer.concat(this.#parts)
    this.#parts = []
    this.#state = 'head'
    this.#onComplete({ status: this.#status, body })
  }
}
