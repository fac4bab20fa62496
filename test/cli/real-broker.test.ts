import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { unixTransport } from '../../src/sdk-node/unix-transport.ts'
import { connect } from '../../src/sdk/index.ts'
import { methods } from '../../src/wire/rpc/methods.ts'
import type { MethodName, Params } from '../../src/wire/rpc/methods.ts'
import { startInProcessDaemon } from '../support/in-process-daemon.ts'
import { wavFile } from '../support/sounds.ts'
import { MAIN, runInProcess } from '../support/run-cli.ts'
import { hasTmux, startTmux } from '../support/tmux.ts'

/** Params for the methods that need some, for a broker that has only the mock provider. */
const PARAMS: { readonly [M in MethodName]?: Params<M> } = {
  'providers.test': { provider: 'local' },
  'tokens.create': { label: 'ci', rule: { usd_per_month: '5' } },
  'limits.set': { subject: { scope: 'default' }, rule: { requests_per_minute: 9 } },
  'limits.remove': { subject: { scope: 'default' } },
  'priority.set': { provider: 'local', priority: 7 },
  'mothers.add': { address: '127.0.0.1', port: 9 },
  'ai.chat': { messages: [{ role: 'user', content: 'hello' }] },
  'ai.embed': { model: 'loopback-embedding', input: ['one', 'two'] },
  'ai.tts': { input: 'hello' },
  'ai.transcribe': { audio: wavFile(1).toString('base64'), format: 'wav' },
}

const callable = (Object.keys(methods) as MethodName[]).filter(
  (name) => PARAMS[name] !== undefined || methods[name].params.safeParse({}).success,
)

describe('against a complete broker', () => {
  test.each(callable)('%s returns exactly the fields of its contract', async (name) => {
    await using broker = await startInProcessDaemon()
    const { rpc, rest } = broker.daemon.sockets
    const result = await connect(unixTransport({ rpc, rest })).call(name, PARAMS[name] ?? {})
    expect(methods[name].result.parse(result)).toEqual(result)
  })

  test('a chat gets a response, and usage shows it', async () => {
    await using broker = await startInProcessDaemon()
    const run = await runInProcess(['chat', 'hello'], broker)
    expect(run).toMatchObject({ exit: 0, out: expect.stringContaining('You said “hello”') })
    expect((await runInProcess(['usage'], broker)).out).toMatch(/^total +1 /m)
  })

  test('health, info and models have something to show', async () => {
    await using broker = await startInProcessDaemon()
    for (const [command, shown] of Object.entries({ health: 'ok', info: 'Loopback', models: 'loopback' })) {
      expect(await runInProcess([command], broker)).toMatchObject({
        exit: 0,
        out: expect.stringContaining(shown),
      })
    }
  })

  test('an unknown model exits with 5', async () => {
    await using broker = await startInProcessDaemon()
    const run = await runInProcess(['chat', 'hi', '-m', 'no-such-model'], broker)
    expect(run).toMatchObject({ exit: 5, out: '', err: expect.stringContaining('no-such-model') })
  })

  test.skipIf(!hasTmux())(
    'Ctrl-C stops a slow response, and the broker releases its hold (needs tmux)',
    async () => {
      await using broker = await startInProcessDaemon()
      const { rest } = broker.daemon.sockets
      const chat = `'${process.execPath}' '${MAIN}' chat -m loopback-slow --socket '${rest}'`
      await using screen = await startTmux(join(broker.folder, 'tmux'), chat)
      await screen.see('Talking to')
      await screen.type('hello', 'Enter')
      await screen.see('You said')
      await screen.type('C-c')
      await screen.see('stopped · ')
      await expect.poll(() => broker.daemon.services.ledger.openHolds()).toEqual([])
    },
  )
})
