import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ChunkNormalizer,
  normalResponse,
} from '../../../../src/providers/protocols/openai-chat/chunk-normalizer.ts'
import type { ChatChunk } from '../../../../src/wire/openai/chat.ts'

function normalized(chunks: readonly ChatChunk[]): ChatChunk[] {
  const out: ChatChunk[] = []
  const normalizer = new ChunkNormalizer((json, chunk) => {
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(chunk)))
    out.push(chunk)
  })
  for (const chunk of chunks) normalizer.add(JSON.stringify(chunk), chunk)
  normalizer.end()
  return out
}

const text = (content: string, reason: string | null = null): ChatChunk => ({
  choices: [{ index: 0, delta: content === '' ? {} : { content }, finish_reason: reason }],
})
const textOf = (chunks: readonly ChatChunk[]) =>
  chunks.map(({ choices }) => (choices?.[0]?.delta?.content as string | undefined) ?? '').join('')
const reasonsOf = (chunks: readonly ChatChunk[]) =>
  chunks.flatMap(({ choices }) => choices?.[0]?.finish_reason ?? [])

describe('the finish reason of a stream', () => {
  test.each(['', ' '])('is not “%s”, which some providers send with every chunk', (empty) => {
    const out = normalized([text('a', empty), text('b', empty), text('', 'stop')])
    expect([textOf(out), reasonsOf(out)]).toEqual(['ab', ['stop']])
  })

  test('is the last one when every chunk has one', () => {
    const out = normalized([text('a', 'stop'), text('b', 'stop'), text('c', 'length')])
    expect([textOf(out), reasonsOf(out)]).toEqual(['abc', ['length']])
  })

  test('is the last real one, and no text is lost, whatever reasons stand beside the text', () => {
    const reason = fc.constantFrom(null, '', 'stop', 'length', 'content_filter')
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ minLength: 1 }), reason), { minLength: 1 }), (pieces) => {
        const out = normalized(pieces.map(([content, finish]) => text(content, finish)))
        const last = pieces.map(([, finish]) => finish).findLast((finish) => finish !== null && finish !== '')
        expect([textOf(out), reasonsOf(out)]).toEqual([
          pieces.map(([content]) => content).join(''),
          last === undefined ? [] : [last],
        ])
      }),
    )
  })

  test('is tool_calls when there were calls, and the provider’s own one is kept as the native one', () => {
    const call = { index: 0, id: 'a', function: { name: 'f', arguments: '' } }
    const out = normalized([{ choices: [{ index: 0, delta: { tool_calls: [call] } }] }, text('', 'stop')])
    expect(out.at(-1)?.choices?.[0]).toMatchObject({
      finish_reason: 'tool_calls',
      native_finish_reason: 'stop',
      delta: { tool_calls: [{ index: 0, function: { arguments: '{}' } }] },
    })
  })
})

test('a chunk in the normal form passes unchanged', () => {
  const chunk = text('a')
  expect(normalized([chunk])[0]).toBe(chunk)
})

test('a plain response with calls and the reason “stop” ended for its calls', () => {
  const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }
  const response = {
    choices: [{ index: 0, message: { content: null, tool_calls: [call] }, finish_reason: 'stop' }],
  }
  expect(normalResponse(response).choices?.[0]?.finish_reason).toBe('tool_calls')
})
