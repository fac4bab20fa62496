import { expect, test } from 'vitest'
import { BrokerError } from '../../../src/base/errors.ts'
import type { ServerAddress } from '../../../src/mcp/config/config.ts'
import { errorWithoutSecrets, resultWithoutSecrets } from '../../../src/mcp/policy/redact-secrets.ts'

const withEnv = (env: Record<string, string>) => ({ type: 'stdio', env }) as unknown as ServerAddress

test('a key with characters that JSON escapes is redacted', () => {
  const key = 'pa"ss\\word\n1'
  const result = { isError: true, content: [{ type: 'text' as const, text: `refused: ${key}!` }] }
  expect(resultWithoutSecrets(result, withEnv({ KEY: key })).content).toEqual([
    { type: 'text', text: 'refused: ***!' },
  ])
})

test('numbers, field names, types and text that equals a key only in JSON form are unchanged', () => {
  const address = withEnv({ A: '12345678', B: 'resource', C: 'n0t-a-key' })
  const result = {
    isError: true,
    structuredContent: { account: 1_234_567_890, resource: 'the resource' },
    content: [{ type: 'text' as const, text: 'failed:\n0t-a-key' }],
  }
  expect(resultWithoutSecrets(result, address)).toEqual({
    isError: true,
    structuredContent: { account: 1_234_567_890, resource: 'the ***' },
    content: [{ type: 'text', text: 'failed:\n0t-a-key' }],
  })
})

test('a successful result is not redacted', () => {
  const result = { content: [{ type: 'text' as const, text: 'sk-live-0123456789' }] }
  expect(resultWithoutSecrets(result, withEnv({ KEY: 'sk-live-0123456789' }))).toBe(result)
})

test('an error is redacted in its message and metadata', () => {
  const error = new BrokerError('upstream-failed', 'bad key sk-live-"1"', {
    details: { metadata: { mcp_code: 12_345_678, mcp_data: ['sk-live-"1"'] } },
  })
  expect(errorWithoutSecrets(error, withEnv({ KEY: 'sk-live-"1"', N: '12345678' }))).toMatchObject({
    message: 'bad key ***',
    details: { metadata: { mcp_code: 12_345_678, mcp_data: ['***'] } },
  })
})
