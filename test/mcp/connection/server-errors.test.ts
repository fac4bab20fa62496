import { SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { asUpstreamError } from '../../../src/mcp/connection/server-errors.ts'

test.each([
  [429, 'upstream-busy'],
  [500, 'upstream-failed'],
] as const)('a call that a server refuses with status %i says so, as %s', (status, code) => {
  const refusal = new SdkHttpError(SdkErrorCode.ClientHttpNotImplemented, 'no', { status, text: 'secret' })
  const error = asUpstreamError('a', refusal, false)
  expect([error.code, error.message]).toEqual([code, `server “a” responded with status ${status}`])
})
