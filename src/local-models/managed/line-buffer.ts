/** The last lines of a stream, bounded in count and length whatever is fed. */
export interface LineRing {
  feed(piece: string): void
  /** The last `count` lines, joined. */
  last(count: number): string
}

const LONGEST_LINE = 1000

/** Keeps `most` lines and hands each to `onLine` when it is complete. Longer lines than 1,000 characters are cut. */
export function createLineRing(most: number, onLine: (line: string) => void): LineRing {
  const lines: string[] = []
  let open = ''

  const keep = (line: string) => {
    lines.push(line)
    if (lines.length > most) lines.shift()
    onLine(line)
  }

  return {
    feed(piece) {
      const [first = '', ...rest] = piece.split('\n')
      open = (open + first).slice(0, LONGEST_LINE)
      for (const next of rest) {
        keep(open)
        open = next.slice(0, LONGEST_LINE)
      }
    },
    last: (count) => [...lines, ...(open === '' ? [] : [open])].slice(-count).join('\n'),
  }
}
