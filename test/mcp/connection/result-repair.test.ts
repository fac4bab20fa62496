import { isSpecType } from '@modelcontextprotocol/client'
import { describe, expect, test } from 'vitest'
import { repairResult } from '../../../src/mcp/connection/result-repair.ts'

const text = (content: string) => ({ type: 'text', text: content })

describe('the result of a tool call', () => {
  test.each([
    ['a text in place of blocks', { content: 'plain' }, { content: [text('plain')] }],
    ['one block in place of a list', { content: text('plain') }, { content: [text('plain')] }],
    ['texts in place of blocks', { content: ['a', 1] }, { content: [text('a'), text('1')] }],
    ['no content', { structuredContent: { a: 1 } }, { content: [], structuredContent: { a: 1 } }],
    ['a result of the first revision', { toolResult: { a: 1 } }, { content: [text('{"a":1}')] }],
    [
      'a block of an unknown type',
      { content: [{ type: 'video', uri: 'v' }, text('caption')] },
      { content: [text('{"type":"video","uri":"v"}'), text('caption')] },
    ],
    [
      'nulls',
      { content: [{ ...text('a'), annotations: null }], structuredContent: null, isError: null, _meta: null },
      { content: [text('a')] },
    ],
    [
      'structured content that is a list',
      { content: [], structuredContent: [1, 2] },
      { content: [text('[1,2]')] },
    ],
    [
      'a link without a name',
      { content: [{ type: 'resource_link', uri: 'r://a' }] },
      { content: [{ type: 'resource_link', uri: 'r://a', name: 'r://a' }] },
    ],
    [
      'a picture without a type',
      { content: [{ type: 'image', data: 'AAAA' }] },
      { content: [text('{"type":"image","data":"AAAA"}')] },
    ],
    ['an error that is a text', { content: [], isError: 'true' }, { content: [], isError: true }],
  ])('with %s is repaired to what the SDK accepts', (_case, result, expected) => {
    const repaired = repairResult(result)
    expect(repaired).toEqual(expected)
    expect(isSpecType.CallToolResult(repaired)).toBe(true)
  })

  test('that is right stays as it is', () => {
    const right = {
      content: [
        text('a'),
        { type: 'image', data: 'AAAA', mimeType: 'image/png' },
        { type: 'resource', resource: { uri: 'r://a', blob: 'AAAA' } },
      ],
      structuredContent: { a: null },
      isError: false,
      _meta: { x: 1 },
    }
    expect(repairResult(right)).toEqual(right)
  })

  test('that asks for input stays as it is', () => {
    const asks = { resultType: 'input_required', inputRequests: {} }
    expect(repairResult(asks)).toBe(asks)
  })
})
