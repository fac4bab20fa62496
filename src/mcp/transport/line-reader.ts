const NEWLINE = 0x0a

/** Cuts a byte stream into lines. Fragments are kept and joined once, so a long line costs its length and no more. */
export interface LineReader {
  /** Calls `onLine` for every line that is now whole. Throws `RangeError` when a line outgrows the bound. */
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
