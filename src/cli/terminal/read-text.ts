import { fstatSync } from 'node:fs'

import { whileWaiting } from './progress.ts'
import type { Terminal } from './terminal.ts'

/** The text of the arguments and of the pipe, joined; `undefined` when both are empty. */
export async function readTextArgument(
  terminal: Terminal,
  words: readonly string[],
): Promise<string | undefined> {
  const { input } = terminal
  const text = words.join(' ').trim()
  const piped = input.isTTY || (text !== '' && !isPipe(STDIN)) ? '' : await readAll(terminal)
  const message = [text, piped.trim()].filter((part) => part !== '').join('\n\n')
  return message === '' ? undefined : message
}

/** With a text in the arguments only a pipe or a file is read as well: any other input that is not a terminal may never end. */
function isPipe(fd: number): boolean {
  const stat = fstatSync(fd)
  return stat.isFIFO() || stat.isFile()
}

const STDIN = 0

async function readAll(terminal: Terminal): Promise<string> {
  const input = terminal.input.setEncoding('utf8')
  const what = 'the end of standard input; end it with “< /dev/null” if there is nothing to read'
  return (await whileWaiting(terminal, what, () => input.toArray())).join('')
}
