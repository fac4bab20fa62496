import { array, assert, constantFrom, nat, property } from 'fast-check'
import { describe, expect, test } from 'vitest'

import { createMarkdownView } from '../../../src/cli/terminal/markdown.ts'

describe('Markdown in a terminal', () => {
  test.each([
    ['plain words', 'plain words'],
    ['a **strong** word', 'a <bold>strong</> word'],
    ['`code` here', '<cyan>code</> here'],
    ['# Title\ntext', '<bold>Title</>\ntext'],
    ['- one\n  * two', '• one\n  • two'],
    ['> said', '<dim>│ </>said'],
    [
      '```js\nlet a = `b` ** 2\n- no bullet\n```\nafter',
      '<dim>```js</>\n<cyan>let a = `b` ** 2</>\n<cyan>- no bullet</>\n<dim>```</>\nafter',
    ],
    ['**`both`**', '<cyan>both</>'],
    ['**a ** b**', '<bold>a ** b</>'],
  ])('%j is rendered as %j', (markdown, shown) => {
    expect(show([markdown])).toBe(shown)
  })

  test.each([
    '2 ** 3 * 4',
    'a * b',
    'snake_case_name',
    '#hashtag',
    '-5 degrees',
    'a ` b',
    '1. first',
    '****',
    '``',
    '    indented',
    '  # no heading',
  ])('%j is not clearly Markdown and stays as it is', (text) => {
    expect(show([text])).toBe(text)
  })

  test('a mark that is never closed ends with its line', () => {
    expect(show(['it’s `open\nnext **strong\nend'])).toBe('it’s <cyan>open</>\nnext <bold>strong</>\nend')
  })

  test('is rendered the same wherever the stream is cut', () => {
    const piece = constantFrom('**', '*', '`', '```', '\n', ' ', '#', '- ', '> ', 'word', 'é', '😀')
    assert(
      property(array(piece, { maxLength: 30 }), array(nat(60)), (pieces, cuts) => {
        const letters = Array.from(pieces.join(''))
        const points = [
          0,
          ...cuts.filter((cut) => cut < letters.length).sort((a, b) => a - b),
          letters.length,
        ]
        const cut = points.slice(1).map((end, at) => letters.slice(points[at], end).join(''))
        expect(show(cut)).toBe(show([letters.join('')]))
      }),
    )
  })
})

/** The rendered text, with neighbouring pieces of one style joined. */
function show(pieces: readonly string[]): string {
  const view = createMarkdownView((style, text) => `<${style}>${text}</>`)
  const shown = pieces.map((piece) => view.feed(piece)).join('') + view.end()
  return shown.replaceAll(/<\/><(\w+)>/g, (seam, style: string, at: number) =>
    shown.slice(0, at).lastIndexOf(`<${style}>`) === shown.slice(0, at).lastIndexOf('<') ? '' : seam,
  )
}
