import type { CallToolResult } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { limitResult } from '../../../src/mcp/policy/result-limits.ts'

const LIMIT = 100_000
const text = (value: string) => ({ type: 'text' as const, text: value })
const images = (count: number, data: string) =>
  Array.from({ length: count }, () => ({ type: 'image' as const, data, mimeType: 'image/png' }))

test.each<[string, CallToolResult['content']]>([
  ['control characters', [text('\u0001'.repeat(LIMIT))]],
  ['quotes', [text('"'.repeat(LIMIT))]],
  ['characters of several bytes', [text('a🦀é'.repeat(LIMIT))]],
  ['many images', images(5000, 'x'.repeat(200))],
  ['many images that don’t fit', images(1500, 'x'.repeat(LIMIT))],
  ['many empty texts', Array.from({ length: 9000 }, () => text(''))],
  ['text with much beside it', [{ ...text('short'), _meta: { x: 'y'.repeat(LIMIT) } }]],
  ['a text behind what just fits', [text('x'.repeat(LIMIT - 400)), text('y'.repeat(LIMIT))]],
])('a result with %s is truncated to the limit in JSON', (_, content) => {
  const bounded = limitResult({ content }, LIMIT)
  const bytes = Buffer.byteLength(JSON.stringify(bounded))
  expect(bytes).toBeLessThanOrEqual(LIMIT)
  expect(bounded._meta).toMatchObject({ 'hero-aibroker/truncated': { limit: LIMIT } })
  const last = bounded.content.at(-1)
  expect(last?.type === 'text' && last.text).toMatch(/\[(cut|left out): .*\]$/)
})

test('a text is truncated close to the limit and never within a character', () => {
  for (const letters of ['\u0001', 'x', '🦀', 'é"']) {
    const { content } = limitResult({ content: [text(letters.repeat(LIMIT))] }, LIMIT)
    const [only] = content
    const kept = only?.type === 'text' ? only.text.replace(/\n\[cut: .*\]$/, '') : ''
    expect(letters.repeat(LIMIT).startsWith(kept)).toBe(true)
    expect(kept.isWellFormed()).toBe(true)
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeGreaterThan(LIMIT - 400)
  }
})
