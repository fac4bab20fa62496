// Responses that no sane provider sends, but that are valid enough to be processed.
import { describe, expect, test } from 'vitest'
import { parseWireUsage } from '../../src/wire/openai/usage.ts'
import { chatChunk, done, finishChunk, json, sse, usageChunk } from '../support/scripted-upstream.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'
import { plainResponse } from './scripts.ts'

const stream = { stream: true }

test.each([false, 0, {}])(
  'a streamed request whose provider sends one JSON body completes, although its finish reason is %j',
  async (finish_reason) => {
    const choice = { index: 0, message: false, finish_reason }
    await using broker = await startBrokerWithProviders([{ script: [json(200, { choices: [choice] })] }])
    const response = await broker.sendChat(stream)
    expect(response).toMatchObject({ status: 200, isDone: true, text: '' })
    expect(await broker.entry()).toMatchObject({ status: 'finished' })
  },
)

describe('usage counts that no model can have', () => {
  const usage = { prompt_tokens: 2 ** 53 - 1, completion_tokens: 2 ** 53 - 1 }

  test('are ignored: the row has cost bounds and no hold remains', async () => {
    await using broker = await startBrokerWithProviders([
      { script: [sse(chatChunk('hi'), finishChunk(), usageChunk(usage), done)] },
    ])
    expect(await broker.sendChat(stream)).toMatchObject({ isDone: true, text: 'hi' })
    const { countSource, costHigh } = await broker.entry()
    expect(countSource).not.toBe('reported')
    expect(costHigh ?? 0n).toBeLessThan(1_000_000_000n)
  })

  test.each([usage, { prompt_tokens: 1e9 + 1 }])('are not parsed as usage: %j', (reported) => {
    expect(parseWireUsage(reported)).toBeUndefined()
  })

  test.each([
    { cost: '0.1' },
    { cost: { total: 0.1 } },
    { completion_tokens_details: { reasoning_tokens: 2e9 } },
    { prompt_tokens_details: { cached_tokens: -1 } },
    { prompt_tokens_details: { cached_tokens: 0.5, audio_tokens: '3' } },
    { prompt_tokens_details: 'none', completion_tokens_details: [] },
    { prompt_cache_hit_tokens: '7' },
  ])('do not invalidate the plausible counts beside them: %j', async (beside) => {
    const reported = { prompt_tokens: 1000, completion_tokens: 200, total_tokens: 1200, ...beside }
    await using broker = await startBrokerWithProviders([
      { script: [sse(chatChunk('hi'), finishChunk(), usageChunk(reported), done)] },
    ])
    const { usage: relayed } = await broker.sendChat(stream)
    expect(relayed).toMatchObject({ prompt_tokens: 1000, completion_tokens: 200, cost: 0.0014 })
    expect(await broker.entry()).toMatchObject({ countSource: 'reported', cost: 1_400_000n })
  })
})

describe('many more choices than were requested', () => {
  const choices = Array.from({ length: 300_000 }, () => ({}))

  test.each([
    ['in a plain answer', {}, [json(200, { ...plainResponse('hi'), choices })]],
    ['in a plain answer to a stream', stream, [json(200, { ...plainResponse('hi'), choices })]],
    ['in a chunk', stream, [sse({ ...chatChunk('hi'), choices })]],
    [
      'in many chunks',
      stream,
      [sse(...Array.from({ length: 200 }, (_, index) => ({ choices: [{ index, delta: {} }] })))],
    ],
  ])('are a failure of the provider: %s', async (_where, body, script) => {
    await using broker = await startBrokerWithProviders([{ script }])
    const { raw } = await broker.sendChat(body)
    expect(raw).toContain('many more choices than were asked for')
    expect(raw.length).toBeLessThan(100_000)
  })
})
