export type MarkdownStyle = 'bold' | 'cyan' | 'dim'

/** Shows Markdown as it streams in. A few characters are kept back where the next one decides what they mean. */
export interface MarkdownView {
  /** What can be shown by now. */
  feed(text: string): string
  /** What was kept back, for nothing more comes. */
  end(): string
}

/** The start of a line that may still become a fence, a heading, a bullet or a quote. */
const UNDECIDED = /^(?: {0,12}|#{1,6}| {0,12}[-+*]| {0,3}`{1,2}|>)$/
const FENCE = /^ {0,3}```/

/** Headings and `**strong**` bold, code coloured, bullets as dots; what is not surely Markdown stays as it is. */
export function createMarkdownView(paint: (style: MarkdownStyle, text: string) => string): MarkdownView {
  let shown = ''
  let run: { style: MarkdownStyle | undefined; text: string } = { style: undefined, text: '' }
  /** The line so far, while it is not clear what it is; `undefined` in the middle of one. */
  let start: string | undefined = ''
  /** Stars or a backtick whose meaning the next character decides. */
  let held = ''
  let last = ' '
  let [fenced, heading, bold, code] = [false, false, false, false]

  return {
    feed(text) {
      for (const letter of text) {
        if (start === undefined) take(letter)
        else decide(start, letter)
      }
      return drain()
    },
    end() {
      const rest = start ?? ''
      start = undefined
      if (FENCE.test(rest)) emit('dim', rest)
      else for (const letter of rest) take(letter)
      if (held !== '') release('\n')
      return drain()
    },
  }

  /** At the start of a line. */
  function decide(before: string, letter: string): void {
    const line = before + letter
    if (FENCE.test(line)) {
      if (letter !== '\n') return void (start = line)
      fenced = !fenced
      emit('dim', before)
      return endLine()
    }
    if (UNDECIDED.test(line)) return void (start = line)
    start = undefined
    const mark = fenced ? undefined : /^( *)(#{1,6}|[-+*]|>) $/.exec(line)
    if (mark) return showMark(mark[1] ?? '', mark[2] ?? '')
    for (const one of line) take(one)
  }

  function showMark(indent: string, mark: string): void {
    heading = mark.startsWith('#') && indent === ''
    if (mark === '>') emit('dim', '│ ')
    else if (!mark.startsWith('#')) emit(undefined, `${indent}• `)
    else if (!heading) emit(undefined, `${indent}${mark} `)
  }

  /** Inside a line. */
  function take(letter: string): void {
    if (held === '*' && letter === '*') return void (held = '**')
    if (held !== '') release(letter)
    if (letter === '\n') return endLine()
    if (fenced) return emit('cyan', letter)
    if (letter === '*' && !code) return void (held = letter)
    if (letter === '`' && !code) return void (held = letter)
    if (letter === '`') code = false
    else emit(styleNow(), letter)
    last = letter
  }

  /** A mark opens before a word and closes after one; between blanks it is just a character. */
  function release(next: string): void {
    const opens = !/[\s*]/.test(next)
    if (held === '`' && opens && next !== '`') code = true
    else if (held === '**' && bold && last !== ' ') bold = false
    else if (held === '**' && !bold && opens) bold = true
    else emit(styleNow(), held)
    held = ''
  }

  function endLine(): void {
    emit(undefined, '\n')
    start = ''
    last = ' '
    ;[heading, bold, code] = [false, false, false]
  }

  function styleNow(): MarkdownStyle | undefined {
    if (fenced || code) return 'cyan'
    return heading || bold ? 'bold' : undefined
  }

  function emit(style: MarkdownStyle | undefined, text: string): void {
    if (style !== run.style) flush(style)
    run.text += text
  }

  function flush(next: MarkdownStyle | undefined): void {
    shown += run.style === undefined || run.text === '' ? run.text : paint(run.style, run.text)
    run = { style: next, text: '' }
  }

  function drain(): string {
    flush(run.style)
    const text = shown
    shown = ''
    return text
  }
}
