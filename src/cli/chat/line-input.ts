import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

import type { Complete } from './line-completion.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** What a person types, message by message, with editing and history. */
export interface ChatLines extends Disposable {
  /** The next message; `undefined` once Ctrl-D was pressed. */
  next(): Promise<string | undefined>
  /**
   * The answer to a question in between, which is no message: asked again until `read` understands it; `undefined` once
   * Ctrl-C or Ctrl-D was pressed.
   */
  ask<T>(question: string, read: (line: string) => T | undefined): Promise<T | undefined>
  /** While something else is written, keys are kept for later and not shown. */
  hush(quiet: boolean): void
}

export interface ChatLinesOptions {
  readonly prompt: string
  /** Ctrl-C; `typed` when there was a line to throw away. */
  readonly onInterrupt: (typed: boolean) => void
  /** Ctrl-D. */
  readonly onEnd: () => void
  readonly complete: Complete
}

type Tell = (error: null, completion: [string[], string]) => void

const PASTE_MODE = { on: '\u001B[?2004h', off: '\u001B[?2004l' }

export function createChatLines({ input, output }: Terminal, options: ChatLinesOptions): ChatLines {
  const screen = new Screen(output)
  const lines = createInterface({
    input,
    output: screen,
    terminal: true,
    prompt: options.prompt,
    historySize: 1000,
    removeHistoryDuplicates: true,
    completer: (line: string, tell: Tell) =>
      void options.complete(line).then(([hits, end]) => tell(null, [hits, end])),
  })
  const messages: string[] = []
  let waiting: ((message: string | undefined) => void) | undefined
  let asked: ((answer: string | undefined) => boolean) | undefined
  let [ended, pasting, unfinished]: [boolean, boolean, string[]] = [false, false, []]

  const settle = (answer: string | undefined) => {
    if (asked?.(answer) === false) lines.prompt()
    else asked = undefined
  }
  const hand = () => {
    if (waiting === undefined || (messages.length === 0 && !ended)) return
    waiting(messages.shift())
    waiting = undefined
  }
  // A paste of several lines is one message, sent by the Enter that follows it.
  const onKey = (_text: unknown, key: { readonly name?: string } | undefined) => {
    if (key?.name === 'paste-start') pasting = true
    if (key?.name === 'paste-end') pasting = false
  }
  /** Takes what was typed out of the editor, without the redrawing that this brings. */
  const forgetLine = () => {
    const { quiet } = screen
    screen.quiet = true
    lines.write('', { ctrl: true, name: 'e' })
    lines.write('', { ctrl: true, name: 'u' })
    screen.quiet = quiet
  }
  input.on('keypress', onKey)
  output.write(PASTE_MODE.on)
  lines
    .on('history', (history) => {
      if (asked !== undefined) history.shift()
    })
    .on('line', (line) => {
      if (asked !== undefined) return settle(line)
      if (pasting || line.endsWith('\\')) {
        unfinished.push(pasting ? line : line.slice(0, -1))
        return
      }
      messages.push([...unfinished, line].join('\n'))
      unfinished = []
      hand()
    })
    .on('SIGINT', () => {
      const typed = lines.line !== '' || unfinished.length > 0
      unfinished = []
      forgetLine()
      if (waiting !== undefined || asked !== undefined) output.write('\n')
      settle(undefined)
      options.onInterrupt(typed)
      if (waiting !== undefined) lines.prompt()
    })
    .on('close', () => {
      ended = true
      options.onEnd()
      settle(undefined)
      hand()
    })

  return {
    async next() {
      if (!ended) lines.prompt(true)
      return new Promise((resolve) => {
        waiting = resolve
        hand()
      })
    },
    async ask(question, read) {
      if (ended) return undefined
      forgetLine()
      const { quiet } = screen
      screen.quiet = false
      lines.setPrompt(question)
      lines.prompt()
      const answer = await new Promise<ReturnType<typeof read>>((resolve) => {
        asked = (line) => {
          const understood = line === undefined ? undefined : read(line)
          if (line !== undefined && understood === undefined) return false
          resolve(understood)
          return true
        }
      })
      lines.setPrompt(options.prompt)
      screen.quiet = quiet
      return answer
    },
    hush(quiet) {
      screen.quiet = quiet
    },
    [Symbol.dispose]() {
      lines.close()
      input.off('keypress', onKey)
      output.write(PASTE_MODE.off)
    },
  }
}

/** The terminal as the line editor sees it; it can be kept from drawing. */
class Screen extends Writable {
  quiet = false
  readonly #output: NodeJS.WriteStream

  constructor(output: NodeJS.WriteStream) {
    super({ decodeStrings: false })
    this.#output = output
  }

  get columns(): number {
    return this.#output.columns
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    if (!this.quiet) this.#output.write(chunk)
    done()
  }
}
