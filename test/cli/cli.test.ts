import { once } from 'node:events'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { BrokerError, ERRORS } from '../../src/base/errors.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import { methods } from '../../src/wire/rpc/methods.ts'
import { startInProcessDaemon } from '../support/in-process-daemon.ts'
import { exampleHandlers } from '../support/rpc-handlers.ts'
import { MAIN, runInProcess, runProcess } from '../support/run-cli.ts'
import { HEAD, event, refuses, says, startScriptedBroker } from '../support/scripted-broker.ts'

const chatScript = says('Hello', ' there')

describe('the commands that read', () => {
  test('health prints one line', async () => {
    await using broker = await startScriptedBroker(chatScript)
    const run = await runInProcess(['health', '--socket', broker.sockets.rpc])
    expect(run).toEqual({ exit: 0, out: 'ok  hero_aibroker 0.1.0, up 13 s\n', err: '' })
  })

  test('models prints a table', async () => {
    await using broker = await startScriptedBroker(chatScript)
    const { out } = await runInProcess(['models', '--socket', broker.sockets.rpc])
    expect(out.split('\n').slice(0, 2)).toEqual([
      'MODEL        CONTEXT     IN    OUT  CAN                  FROM',
      'gpt-4o-mini     128k  $0.15  $0.60  tool_calling vision  openai',
    ])
  })

  test('escape sequences in the name of a model do not reach the terminal', async () => {
    const [model] = methods['models.list'].example.result
    const id = '\u001B[31mred\u0007\n\tname'
    const endpoints = model.endpoints.map((one) => ({ ...one, id, provider: id }))
    const hostile = { ...model, id, tier: id, capabilities: [id], endpoints }
    const handlers = {
      ...exampleHandlers,
      'models.list': async () => [hostile],
      'models.get': async () => hostile,
    } as never
    await using broker = await startScriptedBroker(chatScript, { handlers })
    for (const line of ['models', 'models --quiet', 'models show x']) {
      const { out } = await runInProcess([...line.split(' '), '--socket', broker.sockets.rpc])
      expect(out).toContain('[31mred')
      // oxlint-disable-next-line no-control-regex -- they are what is looked for
      expect(out).not.toMatch(/[\u0000-\u0008\u000B-\u001F]/)
    }
    const { out } = await runInProcess(['models', '--socket', broker.sockets.rpc])
    expect(out).toMatch(/^\[31mred name +128k/m)
  })

  test('models sends its filters to the broker, and says when no model matches', async () => {
    const seen: unknown[] = []
    const list = async (params: unknown) => (seen.push(params), [])
    await using broker = await startScriptedBroker(chatScript, {
      handlers: { ...exampleHandlers, 'models.list': list },
    })
    const ask = (line: string, ...more: string[]) =>
      runInProcess(['models', '--socket', broker.sockets.rpc, ...line.split(' '), ...more])
    const { out } = await ask(
      '--can vision --provider groq --kind chat --context 128k --max-price $1 -s',
      'a b',
    )
    expect(seen).toEqual([
      {
        search: 'a b',
        kind: 'chat',
        provider: 'groq',
        capability: 'vision',
        context_at_least: 128_000,
        input_usd_at_most: '1',
        available: true,
      },
    ])
    expect(out).toContain('No model matches. 92 more need a key of their provider: --all shows them.')
    await ask('--all')
    expect(seen[1]).toEqual({})
    expect(await ask('--context much')).toMatchObject({
      exit: 2,
      err: expect.stringContaining('128k') as string,
    })
  })

  test('models are sorted by price, context or name, with unknown values last', async () => {
    const [known] = methods['models.list'].example.result
    const models = [
      { id: 'expensive', context_window: 9, input_usd_per_million: '10' },
      { id: 'cheap', context_window: 10, input_usd_per_million: '9.5' },
      { id: 'a-riddle' },
    ].map(({ id, context_window, input_usd_per_million }) => ({
      ...known,
      id,
      context_window,
      endpoints: [{ ...known.endpoints[0], input_usd_per_million }],
    }))
    const handlers = { ...exampleHandlers, 'models.list': async () => models as never }
    await using broker = await startScriptedBroker(chatScript, { handlers })
    const by = async (order: string) =>
      (await runInProcess(['models', '-q', '--sort', order, '--socket', broker.sockets.rpc])).out
        .trim()
        .split('\n')
    expect(await by('price')).toEqual(['cheap', 'expensive', 'a-riddle'])
    expect(await by('context')).toEqual(['cheap', 'expensive', 'a-riddle'])
    expect(await by('name')).toEqual(['a-riddle', 'cheap', 'expensive'])
  })

  test('info prints sockets, files and providers', async () => {
    await using broker = await startScriptedBroker(chatScript)
    const { out } = await runInProcess(['info', '--socket', broker.sockets.rpc])
    for (const fact of ['rpc.sock', 'modelsconfig.yml', 'cheapest', 'Groq', 'ready'])
      expect(out).toContain(fact)
  })

  test('usage sends its span in unix seconds and prints the totals', async () => {
    const seen: unknown[] = []
    const totals = { ...methods['usage.summary'].example.result.totals, unpriced: 2, uncertain_usd: '0.01' }
    const summary = async (params: unknown) => (
      seen.push(params),
      { totals, models: [], refused: { over_budget: 2, over_limit: 5, unavailable: 0 } }
    )
    const handlers = { ...exampleHandlers, 'usage.summary': summary }
    await using broker = await startScriptedBroker(chatScript, { handlers })
    const span = ['--since', '2026-01-01', '--until', '1767312000']
    const { out } = await runInProcess(['usage', '--socket', broker.sockets.rpc, ...span])
    expect(seen).toEqual([{ since: 1_767_225_600, until: 1_767_312_000 }])
    expect(out).toContain('$0.0003072 + ?')
    expect(out).toContain('Refused, at no cost and without a row: 2 over budget, 5 over a rate limit.')
    expect(out).toContain('2 responses of unknown price')
    expect(out).toContain('up to $0.01 more')
  })

  test('usage is grouped by token, day or address, filtered by token or context, with a total', async () => {
    await using broker = await startInProcessDaemon()
    const made = await runInProcess(['tokens', 'create', 'ada', '--json'], broker)
    const { id, token } = JSON.parse(made.out) as { id: string; token: string }
    await runInProcess(['chat', 'hello'], broker)
    await runInProcess(['chat', 'hello'], { environment: { ...broker.environment, AIBROKER_TOKEN: token } })
    const usage = async (line: string) => (await runInProcess(['usage', ...line.split(' ')], broker)).out
    const byToken = await usage('--by token')
    expect(byToken).toMatch(/^TOKEN +REQUESTS/)
    expect(byToken).toMatch(new RegExp(`^${id} +1 `, 'm'))
    expect(byToken).toMatch(/^\(none\) +1 /m)
    expect(byToken).toMatch(/^total +2 /m)
    expect(await usage('--by day')).toMatch(/^\d{4}-\d\d-\d\d +2 /m)
    expect(await usage(`--token ${id}`)).toMatch(/^MODEL[^]*^total +1 /m)
    expect(await usage('--context lab')).toBe('There were no requests in that time.\n')
    expect(JSON.parse(await usage('--by address --json'))).toMatchObject([{ address: 'local', requests: 2 }])
    expect(await runInProcess(['usage', '--by', 'day', '--plot'], broker)).toMatchObject({ exit: 2 })
  })

  test.each([
    ['health', 'health'],
    ['info', 'info'],
    ['models', 'models.list'],
    ['usage', 'usage.summary'],
  ] as const)('%s --json prints the result of %s unchanged', async (command, method) => {
    await using broker = await startScriptedBroker(chatScript)
    const { out } = await runInProcess([command, '--json', '--socket', broker.sockets.rpc])
    expect(JSON.parse(out)).toEqual(methods[method].example.result)
  })
})

describe('the socket of the broker', () => {
  test('is found in Hero’s socket folder', async () => {
    await using broker = await startScriptedBroker(chatScript)
    await symlink(broker.folder, join(broker.folder, 'hero_aibroker'))
    const environment = { HERO_SOCKET_DIR: broker.folder }
    expect(await runInProcess(['health'], { environment })).toMatchObject({ exit: 0 })
  })

  test('is found beside the rest.sock of --socket', async () => {
    await using broker = await startScriptedBroker(chatScript)
    expect(await runInProcess(['health', '--socket', broker.sockets.rest])).toMatchObject({ exit: 0 })
  })

  test('without a broker listening gives one line of error and exit code 7', async () => {
    const { exit, out, err } = await runInProcess(['health'])
    expect(exit).toBe(7)
    expect(out).toBe('')
    expect(err).toBe(
      'hero_aibroker: no broker answers at /nowhere/hero/var/sockets/hero_aibroker/rpc.sock; ' +
        'start one with “npm start”, or name its socket with --socket\n',
    )
  })
})

describe('a single chat message', () => {
  test('prints the response as plain text, ending in one newline', async () => {
    await using broker = await startScriptedBroker(chatScript)
    const run = await runInProcess(['chat', 'say', 'hello', '--socket', broker.sockets.rest])
    expect(run).toEqual({ exit: 0, out: 'Hello there\n', err: '' })
    expect(broker.chatRequests).toMatchObject([
      { model: 'auto', messages: [{ role: 'user', content: 'say hello' }] },
    ])
  })

  test('is read from a pipe', async () => {
    await using broker = await startScriptedBroker(chatScript)
    const run = await runInProcess(['chat', '--socket', broker.sockets.rest], { input: 'hi\n' })
    expect(run.out).toBe('Hello there\n')
    expect(broker.chatRequests[0]?.messages).toEqual([{ role: 'user', content: 'hi' }])
  })

  test.each([
    ['before the command', (model: string[], rest: string[]) => [...model, 'chat', ...rest]],
    ['after it', (model: string[], rest: string[]) => ['chat', ...model, ...rest]],
  ])('uses the model named %s, and the system text', async (_, place) => {
    await using broker = await startScriptedBroker(chatScript)
    await runInProcess(
      place(['-m', 'gpt-4o'], ['hi', '--system', 'be brief', '--socket', broker.sockets.rest]),
    )
    expect(broker.chatRequests[0]).toMatchObject({
      model: 'gpt-4o',
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'hi' },
      ],
    })
  })

  test('with --json prints the complete response unchanged', async () => {
    await using broker = await startScriptedBroker(chatScript)
    const { out } = await runInProcess(['chat', 'hi', '--json', '--socket', broker.sockets.rest])
    expect(JSON.parse(out)).toMatchObject({ id: 'gen-1-abc', usage: { cost: 0.0000039 } })
    expect(broker.chatRequests[0]?.stream).toBe(false)
  })

  test('that is missing exits with 2', async () => {
    expect(await runInProcess(['chat'])).toMatchObject({
      exit: 2,
      err: expect.stringContaining('there is no message'),
    })
  })

  test('is stopped by Ctrl-C, which closes the connection and exits with 130', async () => {
    const closed = Promise.withResolvers<void>()
    const started = Promise.withResolvers<void>()
    await using broker = await startScriptedBroker(async (_request, response) => {
      response.write(event({ ...HEAD, choices: [{ index: 0, delta: { content: 'one' } }] }))
      started.resolve()
      await once(response, 'close')
      closed.resolve()
    })
    const argv = [MAIN, 'chat', 'hi', '--socket', broker.sockets.rest]
    const run = await runProcess(process.execPath, argv, {
      during: (child) => child.stdout?.once('data', () => child.kill('SIGINT')),
    })
    await started.promise
    await closed.promise
    expect(run).toEqual({ exit: 130, out: 'one\n', err: '' })
  })
})

describe('failures', () => {
  test.each(Object.keys(ERRORS) as ErrorCode[])(
    '%s prints one line and exits with the code of its row',
    async (code) => {
      const info = () => Promise.reject(new BrokerError(code, 'said so'))
      await using broker = await startScriptedBroker(chatScript, { handlers: { ...exampleHandlers, info } })
      const { exit, out, err } = await runInProcess(['info', '--socket', broker.sockets.rpc])
      expect({ exit, out }).toEqual({ exit: ERRORS[code].exit, out: '' })
      expect(err).toMatch(/^hero_aibroker: said so.*\n$/)
    },
  )

  test('of a chat name the provider and when to try again', async () => {
    const metadata = { error_type: 'rate_limit_exceeded', provider_name: 'Groq', retry_after_seconds: 7 }
    await using broker = await startScriptedBroker(refuses(429, 'too many requests', metadata))
    expect(await runInProcess(['chat', 'hi', '--socket', broker.sockets.rest])).toEqual({
      exit: 8,
      out: '',
      err: 'hero_aibroker: too many requests (Groq); try again in 7 s\n',
    })
  })

  test('of an upstream can’t control the terminal', async () => {
    await using broker = await startScriptedBroker(refuses(502, 'bad \u001B]0;owned\u0007 \u001B[2Jluck', {}))
    const { err } = await runInProcess(['chat', 'hi', '--socket', broker.sockets.rest])
    expect(err).toBe('hero_aibroker: bad ]0;owned [2Jluck\n')
  })

  test.each([
    [['modles'], 'Did you mean models?'],
    [['usage', '--since', 'foo'], 'Use 30m, 24h, 7d, today'],
    [['health', '--what'], 'unknown option'],
  ])('of %j exit with 2 and print a hint', async (argv, hint) => {
    expect(await runInProcess(argv)).toMatchObject({ exit: 2, out: '', err: expect.stringContaining(hint) })
  })
})

describe('help', () => {
  test('is shown without arguments, and the help of every command has examples', async () => {
    const bare = await runInProcess([])
    expect(bare).toMatchObject({ exit: 0, err: '' })
    expect(bare.out).toContain('Usage: hero_aibroker')
    for (const command of ['chat', 'models', 'usage', 'info', 'health']) {
      expect((await runInProcess([command, '--help'])).out).toContain('$ hero_aibroker')
    }
  })
})

describe('the program as a process', () => {
  test('prints and exits as it does in this process', async () => {
    await using broker = await startScriptedBroker(chatScript)
    expect(
      await runProcess(process.execPath, [MAIN, 'health', '--socket', broker.sockets.rpc]),
    ).toMatchObject({
      exit: 0,
      out: expect.stringContaining('ok'),
    })
    expect(await runProcess(process.execPath, [MAIN, 'health'])).toMatchObject({ exit: 7, out: '' })
  })

  test('exits with 0 when the reader of its output closes the pipe', async () => {
    const run = await runProcess('sh', ['-c', '{ "$NODE" "$MAIN" --help; echo "exit $?" >&2; } | true'])
    expect(run.err).toBe('exit 0\n')
  })

  test('joins its arguments with the text of a file or a pipe', async () => {
    await using broker = await startScriptedBroker(chatScript)
    const file = join(broker.folder, 'diff')
    await writeFile(file, '- old\n+ new\n')
    const chat = `"$NODE" "$MAIN" chat --socket ${broker.sockets.rest} explain`
    await runProcess('sh', ['-c', `${chat} < ${file}`])
    await runProcess('sh', ['-c', `cat ${file} | ${chat}`])
    const joined = [{ role: 'user', content: 'explain\n\n- old\n+ new' }]
    expect(broker.chatRequests.map(({ messages }) => messages)).toEqual([joined, joined])
  })
})
