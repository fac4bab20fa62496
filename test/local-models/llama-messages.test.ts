// Real inference on this host by a server that speaks chat completions and the Messages API.
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { anthropicClient } from '../support/anthropic-client.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const gguf =
  process.env['AIBROKER_TEST_GGUF'] ??
  join(import.meta.dirname, '..', '..', '..', 'shared', 'data', 'stories260K.gguf')
const missing = whatIsMissing()
if (missing !== undefined) console.log(`skipped: real inference by the Messages API, for ${missing}`)

const arguments_ =
  'llama-server --host {socket} --threads 1 --parallel 1 --offline --no-ui --metrics --jinja'.split(' ')
/** The test model knows no chat roles. */
const passThrough = '{% for m in messages %}{{ m.content }}{% endfor %}'
/** The version that takes a temperature, without which the model's text is not the same each time. */
const OLD_VERSION = { defaultHeaders: { 'anthropic-version': '2023-06-01' } }

test.skipIf(missing !== undefined).each(['openai-chat', 'anthropic'] as const)(
  'the Messages API is served by a real model whose server is spoken to in %s',
  async (protocol) => {
    using folder = tempFolder()
    const path = join(folder.path, 'models.yml')
    const command = JSON.stringify([...arguments_, '-m', gguf, '--chat-template', passThrough])
    writeFileSync(
      path,
      `models:
  stories: {context_window: 512, backends: [{provider: llama, model_id: stories, input_cost: 1, output_cost: 2}]}
providers:
  llama: {protocol: ${protocol}, command: ${command}}
`,
    )
    await using broker = await startBroker({ env: { MODELS_CONFIG_PATH: path } })
    await using client = anthropicClient(broker.sockets.rest, OLD_VERSION)
    const messages = [{ role: 'user' as const, content: 'Once upon a time' }]
    const ask = { model: 'stories', max_tokens: 16, messages, temperature: 0 } as never
    const plain = await client.messages.create(ask)
    const streamed = await client.messages.stream(ask).finalMessage()
    for (const { content, stop_reason, usage } of [plain, streamed]) {
      expect(content).toMatchObject([
        { type: 'text', text: expect.stringContaining('there was a little girl') as string },
      ])
      expect(stop_reason).toBe('max_tokens')
      expect(usage.output_tokens).toBe(16)
    }
  },
)

function whatIsMissing(): string | undefined {
  if (!existsSync(gguf)) return `there is no model at ${gguf}`
  try {
    execFileSync('llama-server', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'there is no llama-server'
  }
}
