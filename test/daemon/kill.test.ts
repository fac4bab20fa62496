// `kill -9` with two hundred open streams: every request that reached the provider has exactly one ledger entry.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { openResponse } from '../support/open-request.ts'
import { openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
  done,
  finishChunk,
  scriptedUpstream,
  sse,
  stall,
  usageChunk,
  type ReceivedRequest,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const run = promisify(execFile)
const COUNT = 200

test('after kill -9 every request that reached the provider has exactly one row', async () => {
  using folder = tempFolder()
  // A third has ended, a third is mid-stream, a third has sent nothing.
  await using upstream = await scriptedUpstream((request) => {
    const nth = Number(nameOf(request).replace('ask-', ''))
    if (nth % 3 === 0)
      return [
        sse(chatChunk('hi'), finishChunk(), usageChunk({ prompt_tokens: 9, completion_tokens: 1 }), done),
      ]
    return nth % 3 === 1 ? [sse(chatChunk('hi')), stall] : [stall]
  })
  const env = openaiAt(upstream)
  const killed = await startBroker({ folder: folder.path, env })
  const responses = Array.from({ length: COUNT }, (_, nth) => askAs(killed, `ask-${nth}`))
  // Fewer than all: some are killed before they reach the provider.
  await upstream.received(COUNT - 20)
  killed.signal('SIGKILL')
  await killed.ended
  await Promise.all(responses)
  const seen = upstream.requests.map(nameOf)
  expect(new Set(seen).size).toBe(seen.length)

  await using again = await startBroker({ folder: folder.path, env })
  await expect.poll(() => again.openHolds()).toBe(0)
  const rows = again.rows()
  const named = rows.map((row) => String(row['context']))
  expect(new Set(named).size).toBe(named.length)
  expect(seen.filter((name) => !named.includes(name))).toEqual([])

  const left = rows.filter(({ status }) => status === 'interrupted')
  expect(left.length).toBeGreaterThan(100)
  expect(rows.filter(({ status }) => status === 'finished').length + left.length).toBe(rows.length)
  // The cost of an interrupted request is unknown; it lies between zero and the amount held.
  for (const row of left) {
    expect(row).toMatchObject({ count_source: 'bounded', cost_nano: null, cost_low_nano: 0 })
    expect(row['cost_high_nano']).toBeGreaterThan(0)
  }
  expect(await again.rpc('info')).toMatchObject({ open_requests: 0 })
  expect(await askAs(again, `ask-${COUNT + 1}`)).toContain('[DONE]')

  await expect.poll(() => again.rows()).toHaveLength(rows.length + 1)
  const csv = await exported(again)
  if (csv !== undefined) expect(csv.trimEnd().split('\n')).toHaveLength(rows.length + 2)
})

/** The text of the response that was received. */
async function askAs({ sockets }: Broker, name: string): Promise<string> {
  const body = { model: 'gpt-4o-mini', stream: true, messages: [{ role: 'user', content: name }] }
  const headers = { 'x-hero-context': name }
  try {
    const open = await openResponse({
      socketPath: sockets.rest,
      method: 'POST',
      path: '/v1/chat/completions',
      headers,
      body,
    })
    return await open.rest()
  } catch (error) {
    return String(error)
  }
}

function nameOf({ body }: ReceivedRequest): string {
  return (body as { messages: { content: string }[] }).messages[0]?.content ?? ''
}

/** The command that the manual recommends; `undefined` where there is no sqlite3. */
async function exported({ folder }: Broker): Promise<string | undefined> {
  const cwd = join(folder, 'v', 'hero_aibroker')
  try {
    return (await run('sqlite3', ['-header', '-csv', 'requests.db', 'SELECT * FROM request_logs;'], { cwd }))
      .stdout
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    console.log('not tried: the export through sqlite3, which is not installed')
    return undefined
  }
}
