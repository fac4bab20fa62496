// What changes while the workers of a broker are still starting reaches all of them.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { sendRequest, type HttpResponse } from '../../support/open-request.ts'
import { groqAt, openaiAt } from '../../support/providers-env.ts'
import { json, scriptedUpstream } from '../../support/scripted-upstream.ts'
import { launchBroker, type StartingBroker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const WORKERS = 3
const CHAT = '/v1/chat/completions'
const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: USAGE,
}
const chat = (model: string) => ({ model, messages: [{ role: 'user', content: 'hi' }] })

const models = (...names: string[]): string => `
models:${names
  .map(
    (name) => `
  ${name}:
    backends:
      - { provider: openai, model_id: ${name}, input_cost: 1, output_cost: 1, priority: 1 }
      - { provider: groq, model_id: ${name}, input_cost: 1, output_cost: 1, priority: 2 }`,
  )
  .join('')}
`

/** Each on a connection of its own, which the workers get in turn. */
function toEveryWorker(send: () => Promise<HttpResponse>): Promise<HttpResponse[]> {
  return Promise.all(Array.from({ length: 2 * WORKERS }, send))
}

const statuses = (answers: readonly HttpResponse[]): number[] => answers.map(({ status }) => status)
const all = (status: number): number[] => Array.from({ length: 2 * WORKERS }, () => status)

/** Repeats the call, without a pause, until the daemon answers it. */
async function firstAnswer(broker: StartingBroker, call: () => Promise<HttpResponse>): Promise<HttpResponse> {
  let hasEnded = false
  void broker.ended.then(() => (hasEnded = true))
  for (;;) {
    const got = await call().catch(() => undefined)
    if (got !== undefined && got.status === 200) return got
    if (hasEnded) throw new Error(`the daemon has ended: ${broker.stderr()}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

const rpcBody = (method: string, params: object = {}) => ({ jsonrpc: '2.0', id: 1, method, params })

const ADMIN = { authorization: 'Bearer test-admin' }

/** How the tests reach `/rpc`: `rpc.sock` is served by the primary, the TCP port by the first worker that is ready. */
const ways = [
  ['rpc.sock', ({ sockets }: StartingBroker) => ({ socketPath: sockets.rpc, headers: ADMIN })],
  [
    'the TCP port',
    (_broker: StartingBroker, port: number) => ({
      host: '127.0.0.1',
      port,
      headers: ADMIN,
    }),
  ],
] as const

test.each(ways)(
  'changes made from the first answer of %s on apply in every worker',
  { timeout: 60_000 },
  async (_name, addressOf) => {
    using folder = tempFolder()
    await using openai = await scriptedUpstream([json(200, answer)])
    await using groq = await scriptedUpstream([json(200, answer)])
    const path = join(folder.path, 'models.yml')
    writeFileSync(path, models('shared'))
    const port = await freePort()
    await using broker = launchBroker({
      folder: folder.path,
      env: { ...openaiAt(openai), ...groqAt(groq), MODELS_CONFIG_PATH: path, ADMIN_TOKEN: 'test-admin' },
      args: ['--workers', `${WORKERS}`, '--address', '127.0.0.1', '--port', `${port}`],
    })
    const to = addressOf(broker, port)
    const rpc = async (method: string, params?: object): Promise<unknown> => {
      const { json: body } = await sendRequest({
        method: 'POST',
        path: '/rpc',
        body: rpcBody(method, params),
        ...to,
      })
      expect(body).toHaveProperty('result')
      return (body as { result: unknown }).result
    }
    await firstAnswer(broker, () =>
      sendRequest({ method: 'POST', path: '/rpc', body: rpcBody('info'), ...to }),
    )
    // One change of every kind, the first ones before all workers are ready.
    const kept = (await rpc('tokens.create', { label: 'kept' })) as { token: string; id: string }
    const removed = (await rpc('tokens.create', { label: 'removed' })) as { token: string; id: string }
    await rpc('tokens.delete', { id: removed.id })
    await rpc('priority.set', { provider: 'groq', priority: 0 })
    await rpc('limits.set', {
      subject: { scope: 'context', context: 'lab' },
      rule: { providers: ['openai'] },
    })
    writeFileSync(path, models('shared', 'added'))
    await rpc('config.reload')
    await broker.ready

    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
    const send = (model: string, more = {}) => toEveryWorker(() => broker.post(CHAT, chat(model), more))
    expect(statuses(await send('shared', bearer(kept.token)))).toEqual(all(200))
    expect([openai.requests.length, groq.requests.length]).toEqual([0, 2 * WORKERS])
    expect(statuses(await send('shared', bearer(removed.token)))).toEqual(all(401))
    await send('shared', { headers: { 'x-hero-context': 'lab' } })
    expect([openai.requests.length, groq.requests.length]).toEqual([2 * WORKERS, 2 * WORKERS])
    expect(statuses(await send('added'))).toEqual(all(200))
  },
)

test('health is ok only when every socket is served', { timeout: 60_000 }, async () => {
  const port = await freePort()
  await using broker = launchBroker({
    args: ['--workers', `${WORKERS}`, '--address', '127.0.0.1', '--port', `${port}`],
  })
  const { sockets } = broker
  const tcp = { socketPath: undefined, host: '127.0.0.1', port }
  await firstAnswer(broker, async () =>
    Promise.any([
      sendRequest({ method: 'POST', path: '/rpc', body: rpcBody('health'), socketPath: sockets.rpc }).then(
        onlyOk,
      ),
      sendRequest({ method: 'POST', path: '/rpc', body: rpcBody('health'), ...tcp }).then(onlyOk),
      ...[sockets.rest, sockets.web, sockets.rpc].map((socketPath) =>
        sendRequest({ method: 'GET', path: '/health', socketPath }).then(onlyOk),
      ),
      sendRequest({ method: 'GET', path: '/health', ...tcp }).then(onlyOk),
    ]),
  )
  expect([sockets.rest, sockets.rpc, sockets.web].filter((path) => !existsSync(path))).toEqual([])
  expect((await broker.get('/health', tcp)).status).toBe(200)
})

function onlyOk(response: HttpResponse): HttpResponse {
  const { result, status } = response.json as { result?: { status?: string }; status?: string }
  if (response.status !== 200 || (result?.status ?? status) !== 'ok') throw new Error('not ok yet')
  return response
}
