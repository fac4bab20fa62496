const NEWLINE = 0x0a

/** Splits a byte stream into lines. Fragments are joined once per line, so the cost is linear in its length. */
export interface LineReader {
  /** Calls `onLine` for every line that is complete. Throws `RangeError` for a line of more than `maxLineBytes`. */
  push(chunk: Buffer): void
}

export function createLineReader(maxLineBytes: number, onLine: (line: string) => void): LineReader {
  let fragments: Buffer[] = []
  let pending = 0
  return {
    push(chunk) {
      let from = 0
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
        const tail = chunk.subarray(from, at)
        const line = fragments.length === 0 ? tail : Buffer.concat([...fragments, tail])
        if (line.length > maxLineBytes) throw new RangeError(`a line of more than ${maxLineBytes} bytes`)
        fragments = []
        pending = 0
        from = at + 1
        onLine(line.toString('utf8').trimEnd())
      }
      if (from === chunk.length) return
      pending += chunk.length - from
      if (pending > maxLineBytes) throw new RangeError(`a line of more than ${maxLineBytes} bytes`)
      fragments.push(chunk.subarray(from))
    },
  }
}
