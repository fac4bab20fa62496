import { expect, test } from 'vitest'
import { resultText } from '../../../src/inference/tools/tool-result.ts'

type Result = Parameters<typeof resultText>[0]
const textOf = (result: object) => resultText(result as Result, 1000)

test.each([
  ['structured content alone', { content: [], structuredContent: { rows: [1] } }, '{"rows":[1]}'],
  [
    'structured content that the text does not have',
    { content: [{ type: 'text', text: '2 rows' }], structuredContent: { rows: ['alpha'] } },
    '2 rows\n{"rows":["alpha"]}',
  ],
  [
    'structured content that the text repeats',
    { content: [{ type: 'text', text: '{"rows": ["alpha"]}' }], structuredContent: { rows: ['alpha'] } },
    '{"rows": ["alpha"]}',
  ],
  [
    'a link with all that it says',
    {
      content: [
        {
          type: 'resource_link',
          uri: 'r://q3',
          name: 'q3',
          title: 'Third quarter',
          mimeType: 'application/pdf',
          description: 'Revenue by month',
        },
      ],
    },
    '[Third quarter: r://q3 (application/pdf)]: Revenue by month',
  ],
  [
    'a link with a name alone',
    { content: [{ type: 'resource_link', uri: 'r://q3', name: 'q3' }] },
    '[q3: r://q3]',
  ],
  [
    'a failure in structured content alone',
    { isError: true, content: [], structuredContent: { error: 'quota' } },
    'Error: {"error":"quota"}',
  ],
])('a model reads %s', (_case, result, expected) => {
  expect(textOf(result)).toBe(expected)
})
