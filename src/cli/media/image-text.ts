import type { Cli } from '../cli.ts'

const PNG_START = Buffer.from([0x89, 0x50, 0x4e, 0x47])
/** A larger piece is refused: sw.kovidgoyal.net/kitty/graphics-protocol, “The transmission medium”, read 2026-12. */
const KITTY_PIECE = 4096

/** The text that shows the image in a terminal that can, else nothing: the protocols of kitty (also Ghostty) and iTerm2 (also WezTerm). */
export function imageText({ terminal, environment }: Cli, bytes: Buffer): string {
  if (!terminal.output.isTTY) return ''
  const program = environment['TERM_PROGRAM'] ?? ''
  if (['iTerm.app', 'WezTerm'].includes(program)) return iterm2(bytes)
  const isKitty = environment['KITTY_WINDOW_ID'] !== undefined || program === 'ghostty'
  return isKitty && bytes.subarray(0, 4).equals(PNG_START) ? kitty(bytes) : ''
}

function iterm2(bytes: Buffer): string {
  return `\u001B]1337;File=inline=1;size=${bytes.length};height=20:${bytes.toString('base64')}\u0007\n`
}

function kitty(bytes: Buffer): string {
  const base64 = bytes.toString('base64')
  const pieces: string[] = []
  for (let at = 0; at < base64.length; at += KITTY_PIECE) {
    const control = at === 0 ? 'a=T,f=100,r=20,' : ''
    const more = at + KITTY_PIECE < base64.length ? 1 : 0
    pieces.push(`\u001B_G${control}m=${more};${base64.slice(at, at + KITTY_PIECE)}\u001B\\`)
  }
  return `${pieces.join('')}\n`
}
