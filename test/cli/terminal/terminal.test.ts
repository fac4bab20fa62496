import { assert, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { print, printJson, withoutControls, type Terminal } from '../../../src/cli/terminal/terminal.ts'

/** Everything that could move the cursor, change the screen, or show a text in another order than it has. */
const HARMFUL = {
  'a window title': '\u001B]0;owned\u0007',
  'a cursor movement': '\u001B[2J\u001B[1;1H',
  'an 8-bit control sequence': '\u009B2J',
  'a backspace': 'abc\b\b\bxyz',
  'a carriage return': 'good\rbad',
  'a right-to-left override': 'safe\u202Egpj.exe',
  'a bidi isolate': 'a\u2066b\u2069c',
  'an Arabic letter mark': 'a\u061Cb',
  'hidden tag characters': 'a\u{E0041}\u{E0042}b',
}

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\p{Bidi_Control}\u0000-\u0008\u000B-\u001F\u007F-\u009F\u{E0000}-\u{E007F}]/u

function written(isTTY: boolean, use: (terminal: Terminal) => void): string {
  let text = ''
  const output = { isTTY, write: (part: string) => (text += part) }
  use({ output } as unknown as Terminal)
  return text
}

describe.each(Object.entries(HARMFUL))('%s of a stranger', (_name, text) => {
  test('is not printed on a terminal', () => {
    expect(written(true, (terminal) => print(terminal, text))).not.toMatch(CONTROL)
    expect(withoutControls(text)).not.toMatch(CONTROL)
  })

  test('is escaped in JSON on a terminal, which is the same value', () => {
    const json = written(true, (terminal) => printJson(terminal, { text }))
    expect(json).not.toMatch(CONTROL)
    expect(JSON.parse(json)).toEqual({ text })
  })

  test('reaches a pipe as it is', () => {
    expect(written(false, (terminal) => print(terminal, text))).toBe(`${text}\n`)
  })
})

test('no text prints a control character on a terminal', () => {
  assert(
    property(string({ unit: 'binary' }), (text) => {
      // Styles are our own.
      if (/\u001B\[[\d;]*m/.test(text)) return
      expect(written(true, (terminal) => print(terminal, text))).not.toMatch(CONTROL)
    }),
  )
})

test('our own styles, right-to-left letters and joined emoji stay', () => {
  const text = '\u001B[1mبحث\u001B[22m שלום 👩‍👩‍👧'
  expect(written(true, (terminal) => print(terminal, text))).toBe(`${text}\n`)
  expect(withoutControls('שלום 👩‍👩‍👧')).toBe('שלום 👩‍👩‍👧')
})
