/** The last lines of a stream, bounded in count and length. */
export interface LineBuffer {
  feed(piece: string): void
  /** The last `count` lines, joined; an incomplete line counts. */
  last(count: number): string
}

const MAX_LINE_LENGTH = 1000

/** Keeps `maxLines` lines and passes each to `onLine` when it is complete. Lines are cut to 1,000 characters. */
export function createLineBuffer(maxLines: number, onLine: (line: string) => void): LineBuffer {
  const lines: string[] = []
  let open = ''

  const keep = (line: string) => {
    lines.push(line)
    if (lines.length > maxLines) lines.shift()
    onLine(line)
  }

  return {
    feed(piece) {
      const [first = '', ...rest] = piece.split('\n')
      open = (open + first).slice(0, MAX_LINE_LENGTH)
      for (const next of rest) {
        keep(open)
        open = next.slice(0, MAX_LINE_LENGTH)
      }
    },
    last: (count) => [...lines, ...(open === '' ? [] : [open])].slice(-count).join('\n'),
  }
}
