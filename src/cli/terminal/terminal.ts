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

/** On a terminal, control characters that are not our own styles are left out, wherever the text comes from. */
export function print({ output }: Terminal, ...lines: readonly string[]): void {
  for (const line of lines) output.write(`${output.isTTY ? stylesOnly(line) : line}\n`)
}

/** On a terminal, control characters are escaped, which is the same JSON. */
export function printJson({ output }: Terminal, value: unknown): void {
  const text = JSON.stringify(value, undefined, 2)
  output.write(`${output.isTTY ? text.replace(CONTROLS, escapeOf) : text}\n`)
}

/** The width in columns; without a terminal it is unlimited. */
export function widthOf({ output }: Terminal): number {
  return output.isTTY ? output.columns : Infinity
}

/**
 * Removes control characters: text from outside may hold escape sequences that move the cursor or rename the window, and
 * characters that show it in another order than it has (Unicode, UAX 9) or hide text in it (tags).
 */
export function withoutControls(text: string): string {
  return text.replace(CONTROLS, '')
}

const CONTROLS =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu

/** Our own styles, as `styleText` writes them. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const STYLE = /\u001B\[[\d;]*m/

const STYLE_OR_CONTROL = new RegExp(`${STYLE.source}|${CONTROLS.source}`, 'gu')

function stylesOnly(line: string): string {
  return line.replace(STYLE_OR_CONTROL, (found) => (found.length > 1 && STYLE.test(found) ? found : ''))
}

function escapeOf(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
