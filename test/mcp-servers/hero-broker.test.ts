import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { json, scriptedUpstream } from '../support/scripted-upstream.ts'
import type { ReceivedRequest, Step } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import type { Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { hasNamespaces } from './hero-support.ts'
import { startProgram } from './support.ts'

/** The models of users and the one that writes programs; prices in dollars per million tokens. */
const modelsFile = (baseUrl: string) => `
providers:
  scripted:
    base_url: ${baseUrl}
models:
  poet:
    backends: [{ provider: scripted, model_id: poet, input_cost: 2, output_cost: 8 }]
  clerk:
    backends: [{ provider: scripted, model_id: clerk, input_cost: 0.15, output_cost: 0.6 }]
  coder:
    backends: [{ provider: scripted, model_id: coder, input_cost: 1, output_cost: 1 }]
`

const PROGRAM = `
import datetime
import hero_aibroker

midnight = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
for row in hero_aibroker.usage_summary(since=int(midnight.timestamp()))["models"]:
    print(row["model"], row["cost_usd"])
`

function respond({ body }: ReceivedRequest): readonly Step[] {
  const { model } = body as { model: string }
  const content = model === 'coder' ? `\`\`\`python\n${PROGRAM}\`\`\`` : 'words'
  const usage = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 }
  const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }]
  return [json(200, { id: 'x', object: 'chat.completion', created: 1, model, choices, usage })]
}

/** The real daemon, with the models above. */
function brokerWith(folder: string, baseUrl: string): Promise<Broker> {
  const file = join(folder, 'models.yml')
  writeFileSync(file, modelsFile(baseUrl))
  return startBroker({ env: { MODELS_CONFIG_PATH: file } })
}

const chat = (broker: Broker, model: string) =>
  broker.post('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hello' }] })

describe.skipIf(!(await hasNamespaces()))('mcp_hero with the real broker', () => {
  test('answers “How much did each model cost today?” with a program that a model wrote', async () => {
    using folder = tempFolder()
    await using upstream = await scriptedUpstream(respond)
    await using broker = await brokerWith(folder.path, upstream.baseUrl)
    for (const model of ['poet', 'clerk', 'clerk']) await chat(broker, model)

    const env = {
      PATH_SOCKETS: join(broker.sockets.folder, '..'),
      PATH_ROOT: folder.path,
      MCP_HERO_ENABLED: 'true',
      MCP_HERO_MODEL: 'coder',
    }
    await using hero = await startProgram('mcp_hero', { env })
    const called = await hero.tool('execute_code', { intent: 'How much did each model cost today?' })

    // poet 1000×$2 + 100×$8 per million; clerk twice 1000×$0.15 + 100×$0.60; coder 1100×$1, the writing of this program.
    expect(called.data['stdout']).toBe('poet 0.0028\ncoder 0.0011\nclerk 0.00042\n')
    expect(called.data).toMatchObject({
      ok: true,
      services: ['hero_aibroker'],
      calls: [{ service: 'hero_aibroker', method: 'usage.summary', ok: true }],
      writing: { model: 'coder', costUsd: 0.0011 },
      isolation: { level: 'namespaces', missing: [] },
    })
    expect(called.text).toContain('poet 0.0028')
  })

  test("shows the broker's own interface, generated from its rpc.discover", async () => {
    using folder = tempFolder()
    await using broker = await brokerWith(folder.path, 'http://127.0.0.1:1/v1')
    const env = {
      PATH_SOCKETS: join(broker.sockets.folder, '..'),
      PATH_ROOT: folder.path,
      MCP_HERO_ENABLED: 'true',
    }
    await using hero = await startProgram('mcp_hero', { env })
    const called = await hero.tool('get_interface', { service: 'hero_aibroker' })
    expect(called.text).toMatch(
      /hero_aibroker\.usage_summary\(\*, since: int = UNSET, until: int = UNSET\) -> \{"totals"/,
    )
  })
})
