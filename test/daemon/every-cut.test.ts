// A recorded stream that breaks off after each of its bytes in turn, through the whole daemon.
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { cut, raw, scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const RECORDED = [
  ': comment\r\n\r\n',
  'data: {"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n',
  'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"Grüße"},"finish_reason":null}]}\r\n\r\n',
  'event: message\ndata: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
  'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}\n\n',
  'data: [DONE]\n\n',
].join('')

/** The connection breaks, or the response ends as if it were complete. */
test.each(['broken', 'ended'] as const)(
  'a stream that is %s after any byte arrives complete or with an error, never truncated',
  { timeout: 120_000 },
  async (how) => {
    const bytes = Buffer.from(RECORDED)
    await using upstream = await scriptedUpstream(({ body }) => {
      const prefix = raw(bytes.subarray(0, Number((body as { model: string }).model)))
      return how === 'broken' ? [prefix, cut] : [prefix]
    })
    using folder = tempFolder()
    // A model for each length: an endpoint that keeps failing would be skipped by its circuit breaker.
    const models = Array.from({ length: bytes.length + 1 }, (_, length) => [
      `  m${length}:`,
      `    backends: [{ provider: openai, model_id: "${length}", input_cost: 1, output_cost: 1 }]`,
    ])
    const modelsPath = join(folder.path, 'models.yml')
    writeFileSync(modelsPath, ['models:', ...models.flat(), ''].join('\n'))
    await using broker = await startBroker({
      env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: modelsPath, AIBROKER_LOG_LEVEL: 'silent' },
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const finishedFrom = RECORDED.indexOf('"finish_reason":"stop"')
    for (let length = 0; length <= bytes.length; length++) {
      const { status, text } = await broker.post(
        '/v1/chat/completions',
        { model: `m${length}`, stream: true, messages: [{ role: 'user', content: 'hi' }] },
        { agent },
      )
      const isWhole = status === 200 && text.endsWith('data: [DONE]\n\n') && textIn(text) === 'Grüße'
      const isError = status === 502 || (status === 200 && text.includes('data: {"error":{'))
      expect({ length, isWhole, isError, text }).toMatchObject({ isWhole: !isError, isError: !isWhole })
      if (length < finishedFrom) expect({ length, isWhole }).toMatchObject({ isWhole: false })
      if (length === bytes.length) expect(isWhole).toBe(true)
    }
    agent.destroy()
    await expect.poll(() => broker.rows().length).toBe(bytes.length + 1)
    expect(broker.openHolds()).toBe(0)
  },
)

function textIn(text: string): string {
  return text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)) as { choices: { delta: { content?: string } }[] })
    .map(({ choices }) => choices[0]?.delta.content ?? '')
    .join('')
}
