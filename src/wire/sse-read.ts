/** One event of a `text/event-stream`. */
export interface SseEvent {
  /** The `event` field; `undefined` means `message`. */
  readonly type: string | undefined
  readonly data: string
}

/** Longest event that is waited for, in UTF-16 units; an endless line would otherwise eat the memory. */
const LONGEST_EVENT = 16 * 1024 * 1024

/**
 * The events of a byte stream, in the terms of the HTML standard ("Interpreting an event stream"): lines end in LF, CR
 * or CRLF, comments are skipped, and an event that the stream ends inside of is dropped. Throws `RangeError` when an
 * event grows beyond any sane length.
 */
export async function* readSse(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<SseEvent, void, void> {
  let type: string | undefined
  let data: string[] = []
  let length = 0
  for await (const line of readLines(bytes)) {
    if (line === '') {
      if (data.length > 0) yield { type, data: data.join('\n') }
      type = undefined
      data = []
      length = 0
      continue
    }
    const [field, value] = splitField(line)
    if (field === 'event') type = value === '' ? undefined : value
    if (field === 'data') {
      length += value.length
      if (length > LONGEST_EVENT) throw new RangeError('an event of the stream is too long')
      data.push(value)
    }
  }
}

async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  // `TextDecoder` drops a byte order mark at the start, as the standard wants.
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true })
    // A CR at the very end may be half of a CRLF, so it waits for what comes next.
    const whole = rest.endsWith('\r') ? rest.slice(0, -1) : rest
    const lines = whole.split(/\r\n|\r|\n/)
    const last = lines.pop() ?? ''
    rest = last + rest.slice(whole.length)
    if (rest.length > LONGEST_EVENT) throw new RangeError('a line of the stream is too long')
    yield* lines
  }
  if (rest.endsWith('\r')) yield rest.slice(0, -1)
}

function splitField(line: string): [field: string, value: string] {
  const colon = line.indexOf(':')
  if (colon === -1) return [line, '']
  const value = line.slice(colon + 1)
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value]
}
