// Real inference on this host by a server that speaks chat completions and the Responses API.
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openaiClient } from '../support/openai-client.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const gguf =
  process.env['AIBROKER_TEST_GGUF'] ??
  join(import.meta.dirname, '..', '..', '..', 'shared', 'data', 'stories260K.gguf')
const missing = whatIsMissing()
if (missing !== undefined) console.log(`skipped: real inference by the Responses API, for ${missing}`)

const arguments_ =
  'llama-server --host {socket} --threads 1 --parallel 1 --offline --no-ui --metrics --jinja'.split(' ')
/** The test model knows no chat roles. */
const passThrough = '{% for m in messages %}{{ m.content }}{% endfor %}'
/** llama-server tells no limit in this protocol: it calls the response complete. */
const LENGTH = {
  'openai-chat': ['incomplete', 'max_output_tokens'],
  responses: ['completed', undefined],
}

test.skipIf(missing !== undefined).each(['openai-chat', 'responses'] as const)(
  'the Responses API is served by a real model whose server is spoken to in %s',
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
    await using client = openaiClient(broker.sockets.rest)
    const ask = { model: 'stories', max_output_tokens: 16, input: 'Once upon a time', temperature: 0 }
    const plain = await client.responses.create(ask)
    const streamed = await client.responses.stream(ask).finalResponse()
    for (const { output_text: text, status, incomplete_details: details, usage } of [plain, streamed]) {
      expect(text).toContain('there was a little girl')
      expect([status, details?.reason]).toEqual(LENGTH[protocol])
      expect(usage?.output_tokens).toBe(16)
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
