import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  restOfRestarted,
  restOfContinued,
  type RestOfStream,
} from '../../src/inference/execution/recovery/resumed-stream.ts'
import { chatChunk, finishChunk } from '../support/scripted-upstream.ts'

/** The text relayed to the caller from a response in these pieces; `undefined` when its text differs. */
function relayedText(replay: RestOfStream, pieces: readonly string[]): string | undefined {
  let text = ''
  for (const chunk of [...pieces.map((piece) => chatChunk(piece)), finishChunk()]) {
    const rest = replay.take(chunk)
    if (rest === 'differs') return undefined
    for (const { delta } of rest?.choices ?? [])
      text += typeof delta?.content === 'string' ? delta.content : ''
  }
  return text
}

const anyText = fc.string({ maxLength: 60 })

/** The text in pieces, cut at these places. */
function cutAt(text: string, places: readonly number[]): string[] {
  const sorted = [...places].map((place) => place % (text.length + 1)).sort((a, b) => a - b)
  return [0, ...sorted].map((from, nth) => text.slice(from, sorted[nth] ?? text.length))
}

describe('a response that started again', () => {
  test('is relayed from the caller’s position, wherever both were cut', () => {
    fc.assert(
      fc.property(anyText, fc.nat(), fc.array(fc.nat(), { maxLength: 8 }), (whole, at, places) => {
        const delivered = whole.slice(0, at % (whole.length + 1))
        expect(delivered + (relayedText(restOfRestarted(delivered), cutAt(whole, places)) ?? '?')).toBe(whole)
      }),
    )
  })

  test('is not relayed when it differs anywhere from the delivered text', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.array(fc.nat(), { maxLength: 8 }), (delivered, other, places) => {
        fc.pre(!other.startsWith(delivered))
        expect(relayedText(restOfRestarted(delivered), cutAt(other, places))).toBeUndefined()
      }),
    )
  })
})

describe('a response that continues a prefix', () => {
  test('is relayed as it comes, unless it repeats the beginning', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.array(fc.nat(), { maxLength: 8 }), (delivered, rest, places) => {
        fc.pre(!rest.startsWith(delivered) || delivered.length < 16)
        expect(relayedText(restOfContinued(delivered), cutAt(rest, places))).toBe(rest)
        if (delivered.length >= 16)
          expect(relayedText(restOfContinued(delivered), cutAt(delivered + rest, places))).toBe(rest)
      }),
    )
  })

  test('is relayed whole when it only starts like the beginning', () => {
    fc.assert(
      fc.property(
        anyText,
        fc.nat(),
        anyText,
        fc.array(fc.nat(), { maxLength: 8 }),
        (delivered, at, rest, places) => {
          const other = delivered.slice(0, at % (delivered.length + 1)) + rest
          fc.pre(!other.startsWith(delivered))
          expect(relayedText(restOfContinued(delivered), cutAt(other, places))).toBe(other)
        },
      ),
    )
  })

  test('may repeat a quarter of a million characters one by one', () => {
    const delivered = 'a little '.repeat(30_000)
    expect(relayedText(restOfContinued(delivered), Array.from(`${delivered}more`))).toBe('more')
  })
})
