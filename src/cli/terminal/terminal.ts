import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** The three streams of a program, as the command line uses them. */
export interface Terminal {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
  readonly errors: NodeJS.WriteStream
}

/** Whether input and output are both a terminal, so that a conversation is possible. */
export function isInteractive({ input, output }: Terminal): boolean {
  return input.isTTY && output.isTTY
}

/** Styles the text on a terminal and leaves it plain in files and pipes. Honours `NO_COLOR`. */
export function paint({ output }: Terminal, style: Style, text: string): string {
  return styleText(style, text, { stream: output })
}

export function print({ output }: Terminal, ...lines: readonly string[]): void {
  for (const line of lines) output.write(`${line}\n`)
}

export function printJson(terminal: Terminal, value: unknown): void {
  print(terminal, JSON.stringify(value, undefined, 2))
}

/** The width in columns; without a terminal it is unlimited. */
export function widthOf({ output }: Terminal): number {
  return output.isTTY ? output.columns : Infinity
}

/** Removes control characters: text from outside may hold escape sequences that move the cursor or rename the window. */
export function withoutControls(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, '')
}
