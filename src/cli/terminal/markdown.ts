export type MarkdownStyle = 'bold' | 'cyan' | 'dim'

/** Shows Markdown as it streams in. A few characters are held back while the next one decides what they mean. */
export interface MarkdownView {
  /** Takes text and returns what can be shown by now. */
  feed(text: string): string
  /** Returns what was held back, because no more text comes. */
  end(): string
}

type Paint = (style: MarkdownStyle, text: string) => string

/** The start of a line that may still become a fence, a heading, a bullet or a quote. */
const UNDECIDED = /^(?: {0,12}|#{1,6}| {0,12}[-+*]| {0,3}`{1,2}|>)$/
const FENCE = /^ {0,3}```/
/** A heading, a bullet or a quote, once the space after its mark is there. */
const BLOCK_MARK = /^( *)(#{1,6}|[-+*]|>) $/

/** Headings and `**strong**` become bold, code coloured, bullets dots; text that is not clearly Markdown stays as it is. */
export function createMarkdownView(paint: Paint): MarkdownView {
  return new StreamedMarkdown(paint)
}

class StreamedMarkdown implements MarkdownView {
  readonly #output: StyledOutput
  /** The line so far, while its kind is undecided; `undefined` in the middle of a line. */
  #lineStart: string | undefined = ''
  /** Stars or a backtick whose meaning the next character decides. */
  #pendingMark = ''
  #previous = ' '
  #isFenced = false
  #isHeading = false
  #isBold = false
  #isCode = false

  constructor(paint: Paint) {
    this.#output = new StyledOutput(paint)
  }

  feed(text: string): string {
    for (const letter of text) {
      if (this.#lineStart === undefined) this.#readInline(letter)
      else this.#readLineStart(this.#lineStart, letter)
    }
    return this.#output.drain()
  }

  end(): string {
    const rest = this.#lineStart ?? ''
    this.#lineStart = undefined
    if (FENCE.test(rest)) this.#output.write('dim', rest)
    else this.#readAllInline(rest)
    if (this.#pendingMark !== '') this.#resolveMark('\n')
    return this.#output.drain()
  }

  #readLineStart(before: string, letter: string): void {
    const line = before + letter
    if (FENCE.test(line)) {
      if (letter === '\n') this.#toggleFence(before)
      else this.#lineStart = line
      return
    }
    if (UNDECIDED.test(line)) {
      this.#lineStart = line
      return
    }
    this.#lineStart = undefined
    const block = this.#isFenced ? null : BLOCK_MARK.exec(line)
    if (block === null) this.#readAllInline(line)
    else this.#startBlock(block[1] ?? '', block[2] ?? '')
  }

  #toggleFence(fence: string): void {
    this.#isFenced = !this.#isFenced
    this.#output.write('dim', fence)
    this.#endLine()
  }

  #startBlock(indent: string, mark: string): void {
    this.#isHeading = mark.startsWith('#') && indent === ''
    if (mark === '>') this.#output.write('dim', '│ ')
    else if (!mark.startsWith('#')) this.#output.write(undefined, `${indent}• `)
    else if (!this.#isHeading) this.#output.write(undefined, `${indent}${mark} `)
  }

  #readAllInline(text: string): void {
    for (const letter of text) this.#readInline(letter)
  }

  #readInline(letter: string): void {
    if (this.#pendingMark === '*' && letter === '*') {
      this.#pendingMark = '**'
      return
    }
    if (this.#pendingMark !== '') this.#resolveMark(letter)
    if (letter === '\n') this.#endLine()
    else if (this.#isFenced) this.#output.write('cyan', letter)
    else if ((letter === '*' || letter === '`') && !this.#isCode) this.#pendingMark = letter
    else {
      if (letter === '`') this.#isCode = false
      else this.#output.write(this.#inlineStyle(), letter)
      this.#previous = letter
    }
  }

  /** A mark opens before a word and closes after one; between blanks it is an ordinary character. */
  #resolveMark(next: string): void {
    const mark = this.#pendingMark
    const mayOpen = !/[\s*]/.test(next)
    if (mark === '`' && mayOpen && next !== '`') this.#isCode = true
    else if (mark === '**' && this.#isBold && this.#previous !== ' ') this.#isBold = false
    else if (mark === '**' && !this.#isBold && mayOpen) this.#isBold = true
    else this.#output.write(this.#inlineStyle(), mark)
    this.#pendingMark = ''
  }

  #endLine(): void {
    this.#output.write(undefined, '\n')
    this.#lineStart = ''
    this.#previous = ' '
    this.#isHeading = false
    this.#isBold = false
    this.#isCode = false
  }

  #inlineStyle(): MarkdownStyle | undefined {
    if (this.#isFenced || this.#isCode) return 'cyan'
    return this.#isHeading || this.#isBold ? 'bold' : undefined
  }
}

/** Joins neighbouring pieces of one style, so that each run is painted once. */
class StyledOutput {
  readonly #paint: Paint
  #painted = ''
  #style: MarkdownStyle | undefined
  #run = ''

  constructor(paint: Paint) {
    this.#paint = paint
  }

  write(style: MarkdownStyle | undefined, text: string): void {
    if (style !== this.#style) this.#endRun()
    this.#style = style
    this.#run += text
  }

  /** Returns everything written since the last call. */
  drain(): string {
    this.#endRun()
    const text = this.#painted
    this.#painted = ''
    return text
  }

  #endRun(): void {
    this.#painted +=
      this.#style === undefined || this.#run === '' ? this.#run : this.#paint(this.#style, this.#run)
    this.#run = ''
  }
}
