// Keys that are replaced in a file or by the keys command are used from the next reload on, also by workers.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
}

const WAYS = {
  'a file that a variable names': (path: string) => ({
    env: { OPENAI_API_KEY_FILE: path },
    text: (key: string) => `${key}\n`,
  }),
  'the keys command': (path: string) => ({
    env: { AIBROKER_KEYS_COMMAND: `cat ${path}` },
    text: (key: string) => `OPENAI_API_KEY=${key}\n`,
  }),
}

for (const [way, of] of Object.entries(WAYS))
  test.each([1, 2])(`a key from ${way} is rotated by SIGHUP, with %i process(es)`, async (workers) => {
    using folder = tempFolder()
    const path = join(folder.path, 'key')
    const { env, text } = of(path)
    writeFileSync(path, text('first-key'), { mode: 0o600 })
    await using upstream = await scriptedUpstream([json(200, answer)])
    const settings = { AIBROKER_OPENAI_URL: upstream.baseUrl, AIBROKER_WORKERS: `${workers}`, ...env }
    await using broker = await startBroker({ env: settings })
    const keyUsed = async (): Promise<string | undefined> => {
      expect((await broker.post('/v1/chat/completions', hello)).status).toBe(200)
      return upstream.requests.at(-1)?.headers['authorization']
    }
    expect(await keyUsed()).toBe('Bearer first-key')
    writeFileSync(path, text('second-key'))
    broker.signal('SIGHUP')
    await expect.poll(keyUsed).toBe('Bearer second-key')
    // Every process uses it.
    for (let n = 0; n < 8; n++) expect(await keyUsed()).toBe('Bearer second-key')
    const { settings: shown } = (await broker.rpc('config.get')) as {
      settings: { name: string; value: string }[]
    }
    expect(shown.find(({ name }) => name === 'openai_api_key')).toMatchObject({ value: '***' })
    expect(broker.stdout() + broker.stderr()).not.toMatch(/first-key|second-key/)
  })
