import { array, assert, constantFrom, oneof, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { csvCell } from '../../../src/server/http/csv.ts'

/** The cells of a file as a lenient spreadsheet reads it: quotation marks count at the start of a cell only. */
function readSheet(file: string, separator: string): string[] {
  const cells: string[] = []
  let at = 0
  while (at <= file.length) {
    let cell = ''
    if (file[at] === '"') {
      at++
      while (at < file.length && (file[at] !== '"' || file[at + 1] === '"')) {
        if (file[at] === '"') at++
        cell += file[at++]
      }
      at++
    }
    while (at < file.length && file[at] !== separator && file[at] !== '\n' && file[at] !== '\r')
      cell += file[at++]
    cells.push(cell)
    at++
  }
  return cells
}

const FORMULA = /^[\s\p{C}\p{Z}"]*[=+\-@＝＋－＠]/u
const NUMBER = /^-?\d+(\.\d+)?$/

/** Texts made of what spreadsheets treat specially, and any others. */
const text = oneof(
  array(
    constantFrom(
      '=',
      '+',
      '-',
      '@',
      '＝',
      '"',
      "'",
      ',',
      ';',
      '|',
      '\t',
      '\r',
      '\n',
      ' ',
      '\u00A0',
      '\uFEFF',
      '1',
      '.',
      'cmd',
    ),
    { maxLength: 12 },
  ).map((parts) => parts.join('')),
  string({ unit: 'binary' }),
)

test('no spreadsheet reads a cell as a formula, whatever separator it expects', () => {
  assert(
    property(array(text, { minLength: 1, maxLength: 5 }), (texts) => {
      const file = `id,${texts.map(csvCell).join(',')},end\r\n`
      for (const separator of [',', ';', '\t', '|'])
        for (const cell of readSheet(file, separator))
          if (!NUMBER.test(cell)) expect(cell).not.toMatch(FORMULA)
    }),
    { numRuns: 5000 },
  )
})

test('a text survives, save for the apostrophes', () => {
  assert(
    property(text, (written) => {
      const [read = ''] = readSheet(`${csvCell(written)},`, ',')
      expect(read.replaceAll("'", '')).toBe(written.replaceAll("'", ''))
    }),
  )
})

test.each([
  [-0.5, '-0.5'],
  ['-0.0000039', '-0.0000039'],
  ['12', '12'],
  [true, 'true'],
  [undefined, ''],
  ['gpt-4o', 'gpt-4o'],
  ["-2+3+cmd|' /C calc'!A0", "\"'-2+3+cmd|' /C calc'!A0\""],
  ['-.5+HYPERLINK("http://evil")', '"\'-.5+HYPERLINK(""http://evil"")"'],
  ['total;=1+1', '"total;\'=1+1"'],
  [' =1+1', '" \'=1+1"'],
  ['-1\n=2', '"\'-1\n\'=2"'],
])('%j is written as %j', (cell, written) => {
  expect(csvCell(cell)).toBe(written)
})

test('a long text of separators takes no longer than its length', () => {
  const startedAt = performance.now()
  csvCell('\t \u00A0'.repeat(100_000))
  expect(performance.now() - startedAt).toBeLessThan(1000)
})
