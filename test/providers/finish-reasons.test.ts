import { describe, expect, test } from 'vitest'
import { finishReasonOf, isFinishReason } from '../../src/providers/finish-reasons.ts'

test.each([
  ['STOP', 'stop'],
  ['COMPLETE', 'stop'],
  ['eos', 'stop'],
  ['LENGTH', 'length'],
  ['MAX_TOKENS', 'length'],
  ['FinishReason.MAX_TOKENS', 'length'],
  ['max_output_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['TOOL_CALL', 'tool_calls'],
  ['SAFETY', 'content_filter'],
  ['sensitive', 'content_filter'],
  ['PROHIBITED_CONTENT', 'content_filter'],
  ['guardrail_intervened', 'content_filter'],
  ['ERROR_TOXIC', 'content_filter'],
  ['abort', 'error'],
  ['network_error', 'error'],
  ['UNEXPECTED_TOOL_CALL', 'error'],
  ['insufficient_system_resource', 'error'],
])('the finish reason %s is %s', (native, reason) => {
  expect(finishReasonOf(native)).toBe(reason)
})

describe('a finish reason', () => {
  test.each(['', ' ', 'null', 'None', null, undefined, 0, false])('is not %j', (value) => {
    expect(isFinishReason(value)).toBe(false)
  })
})
