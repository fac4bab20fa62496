import { createInterface } from 'node:readline'
import type { Interface } from 'node:readline'
import { Writable } from 'node:stream'

import type { Complete } from './line-completion.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** What a person types, message by message, with editing and history. */
export interface LineInput extends Disposable {
  /** The next message; `undefined` once Ctrl-D was pressed. */
  next(): Promise<string | undefined>
  /**
   * Asks the person a question between two messages. Repeats it until `read` understands the reply; `undefined` once
   * Ctrl-C or Ctrl-D was pressed. The reply is not a message and does not enter the history.
   */
  ask<T>(question: string, read: (line: string) => T | undefined): Promise<T | undefined>
  /** While muted, typed keys are kept for later and not shown, so that something else can write to the terminal. */
  setMuted(muted: boolean): void
}

export interface LineInputOptions {
  readonly prompt: string
  /** Ctrl-C; `typed` when it discarded a line. */
  readonly onInterrupt: (typed: boolean) => void
  /** Ctrl-D. */
  readonly onEnd: () => void
  readonly complete: Complete
}

/** The callback of readline's completer. */
type OnCompletion = (error: null, completion: [string[], string]) => void

/** Bracketed paste: the terminal marks where a paste starts and ends. */
const PASTE_MODE = { on: '\u001B[?2004h', off: '\u001B[?2004l' }

export function createLineInput(terminal: Terminal, options: LineInputOptions): LineInput {
  return new TerminalLineInput(terminal, options)
}

class TerminalLineInput implements LineInput {
  readonly #terminal: Terminal
  readonly #options: LineInputOptions
  readonly #screen: Screen
  readonly #editor: Interface
  readonly #draft = new MessageDraft()
  readonly #messages: string[] = []
  /** Resolves the pending `next`. */
  #deliver: ((message: string | undefined) => void) | undefined
  /** Takes the reply to the pending `ask`; false when it was not understood. */
  #takeReply: ((line: string | undefined) => boolean) | undefined
  #isClosed = false

  constructor(terminal: Terminal, options: LineInputOptions) {
    this.#terminal = terminal
    this.#options = options
    this.#screen = new Screen(terminal.output)
    this.#editor = createInterface({
      input: terminal.input,
      output: this.#screen,
      terminal: true,
      prompt: options.prompt,
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: (line: string, onCompletion: OnCompletion) =>
        void options.complete(line).then(([hits, end]) => onCompletion(null, [hits, end])),
    })
    terminal.input.on('keypress', this.#draft.onKey)
    terminal.output.write(PASTE_MODE.on)
    this.#editor
      .on('history', (history) => {
        if (this.#takeReply !== undefined) history.shift()
      })
      .on('line', (line) => this.#onLine(line))
      .on('SIGINT', () => this.#onInterrupt())
      .on('close', () => this.#onClose())
  }

  async next(): Promise<string | undefined> {
    if (!this.#isClosed) this.#editor.prompt(true)
    return new Promise((resolve) => {
      this.#deliver = resolve
      this.#deliverNext()
    })
  }

  async ask<T>(question: string, read: (line: string) => T | undefined): Promise<T | undefined> {
    if (this.#isClosed) return undefined
    this.#discardLine()
    const { muted } = this.#screen
    this.#screen.muted = false
    this.#editor.setPrompt(question)
    this.#editor.prompt()
    const reply = await this.#untilUnderstood(read)
    this.#editor.setPrompt(this.#options.prompt)
    this.#screen.muted = muted
    return reply
  }

  setMuted(muted: boolean): void {
    this.#screen.muted = muted
  }

  [Symbol.dispose](): void {
    this.#editor.close()
    this.#terminal.input.off('keypress', this.#draft.onKey)
    this.#terminal.output.write(PASTE_MODE.off)
  }

  #onLine(line: string): void {
    if (this.#takeReply !== undefined) return this.#settleReply(line)
    const message = this.#draft.add(line)
    if (message === undefined) return
    this.#messages.push(message)
    this.#deliverNext()
  }

  #onInterrupt(): void {
    const typed = this.#editor.line !== '' || !this.#draft.isEmpty()
    this.#draft.clear()
    this.#discardLine()
    if (this.#deliver !== undefined || this.#takeReply !== undefined) this.#terminal.output.write('\n')
    this.#settleReply(undefined)
    this.#options.onInterrupt(typed)
    if (this.#deliver !== undefined) this.#editor.prompt()
  }

  #onClose(): void {
    this.#isClosed = true
    this.#options.onEnd()
    this.#settleReply(undefined)
    this.#deliverNext()
  }

  #deliverNext(): void {
    if (this.#deliver === undefined || (this.#messages.length === 0 && !this.#isClosed)) return
    this.#deliver(this.#messages.shift())
    this.#deliver = undefined
  }

  #untilUnderstood<T>(read: (line: string) => T | undefined): Promise<T | undefined> {
    return new Promise((resolve) => {
      this.#takeReply = (line) => {
        const understood = line === undefined ? undefined : read(line)
        if (line !== undefined && understood === undefined) return false
        resolve(understood)
        return true
      }
    })
  }

  #settleReply(line: string | undefined): void {
    if (this.#takeReply?.(line) === false) this.#editor.prompt()
    else this.#takeReply = undefined
  }

  /** Clears the line in the editor, without the redrawing that this causes. */
  #discardLine(): void {
    const { muted } = this.#screen
    this.#screen.muted = true
    this.#editor.write('', { ctrl: true, name: 'e' })
    this.#editor.write('', { ctrl: true, name: 'u' })
    this.#screen.muted = muted
  }
}

/**
 * The lines of a message that is not complete yet. A line that ends in a backslash continues in the next; a paste of
 * several lines is one message, sent by the Enter that follows it.
 */
class MessageDraft {
  #lines: string[] = []
  #isPasting = false

  /** A listener for readline's `keypress` events. */
  readonly onKey = (_text: unknown, key: { readonly name?: string } | undefined): void => {
    if (key?.name === 'paste-start') this.#isPasting = true
    if (key?.name === 'paste-end') this.#isPasting = false
  }

  /** Adds a line and returns the message that it completes, if any. */
  add(line: string): string | undefined {
    if (this.#isPasting || line.endsWith('\\')) {
      this.#lines.push(this.#isPasting ? line : line.slice(0, -1))
      return undefined
    }
    const message = [...this.#lines, line].join('\n')
    this.#lines = []
    return message
  }

  isEmpty(): boolean {
    return this.#lines.length === 0
  }

  clear(): void {
    this.#lines = []
  }
}

/** The terminal as the line editor sees it; drawing can be turned off. */
class Screen extends Writable {
  muted = false
  readonly #output: NodeJS.WriteStream

  constructor(output: NodeJS.WriteStream) {
    super({ decodeStrings: false })
    this.#output = output
  }

  get columns(): number {
    return this.#output.columns
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    if (!this.muted) this.#output.write(chunk)
    done()
  }
}
