import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { BrokerError } from '../../src/base/errors.ts'
import type { StreamHandlers } from '../../src/server/rpc/calls/handler-types.ts'
import { methods } from '../../src/wire/rpc/methods.ts'
import { startInProcessDaemon } from '../support/in-process-daemon.ts'
import { exampleHandlers, exampleStreams } from '../support/rpc-handlers.ts'
import { runInProcess } from '../support/run-cli.ts'
import { says, startScriptedBroker } from '../support/scripted-broker.ts'

const chatScript = says('Hello')

test.each([
  ['providers', 'providers.list'],
  ['providers test groq', 'providers.test'],
  ['priority', 'priority.list'],
  ['priority set groq 1', 'priority.set'],
  ['mothers', 'mothers.list'],
  ['mothers add 127.0.0.1 33850 --priority 1', 'mothers.add'],
  ['mothers update ai_broker_mother --disable', 'mothers.update'],
  ['mothers remove ai_broker_mother', 'mothers.remove'],
  ['leases', 'leases.list'],
  ['leases end lease-1', 'leases.end'],
  ['ledger reconcile --mother', 'ledger.reconcile'],
  ['settings export', 'settings.export'],
  ['tokens', 'tokens.list'],
  ['tokens create ci', 'tokens.create'],
  ['tokens disable tok-3kq9', 'tokens.disable'],
  ['tokens delete tok-3kq9', 'tokens.delete'],
  ['limits', 'limits.list'],
  ['limits set default --concurrent 3', 'limits.set'],
  ['limits left', 'limits.standing'],
  ['config', 'config.get'],
  ['config reload', 'config.reload'],
  ['models show gpt-4o-mini', 'models.get'],
  ['models refresh', 'models.refresh'],
  ['contexts', 'contexts.list'],
  ['contexts show lab', 'contexts.get'],
  ['contexts pin lab --local-only', 'contexts.pin'],
  ['contexts delete lab', 'contexts.delete'],
  ['ledger verify', 'ledger.verify'],
] as const)('%s --json prints the result of %s unchanged', async (line, method) => {
  await using broker = await startScriptedBroker(chatScript)
  const { out } = await runInProcess([...line.split(' '), '--json', '--socket', broker.sockets.rpc])
  expect(JSON.parse(out)).toEqual(methods[method].example.result)
})

test('one command creates a token with a monthly budget, which works, is limited, and can be disabled', async () => {
  await using broker = await startInProcessDaemon()
  const created = await runInProcess(
    ['tokens', 'create', 'ada', '--usd-per-month', '$5', '--expires', '2099-01-01'],
    broker,
  )
  expect(created).toMatchObject({ exit: 0, err: '' })
  const [token = '', note = ''] = created.out.split('\n')
  expect(token).toMatch(/^\S{20,}$/)
  const [, id = ''] = /^(\S+): \$5\.00 a month\./.exec(note) ?? []

  const asAda = { environment: { ...broker.environment, AIBROKER_TOKEN: token } }
  expect((await runInProcess(['chat', 'hello'], asAda)).out).toContain('You said')
  const left = await runInProcess(['limits', 'left', '--token', id], broker)
  expect(left.out).toMatch(/month +\$5\.00 +\$0\.00 +\$0\.00 +\$5\.00/)

  expect((await runInProcess(['tokens'], broker)).out).toMatch(
    /ada +good until \d{4}-\d\d-\d\d +\$0\.00 +\$5\.00 a month/,
  )
  expect((await runInProcess(['tokens', 'disable', id], broker)).out).toContain('is disabled')
  expect(await runInProcess(['chat', 'hello'], asAda)).toMatchObject({ exit: 3, out: '' })
  expect((await runInProcess(['tokens', 'delete', id], broker)).out).toBe(`${id} is deleted\n`)
})

test('limits are set with the field names of the contract, shown in one line, and apply at once', async () => {
  await using broker = await startInProcessDaemon()
  const set = [
    'limits',
    'set',
    'context:lab@10.0.0.1',
    '--usd-per-day',
    '0.5',
    '--models',
    'openai/*',
    'loopback',
  ]
  expect((await runInProcess(set, broker)).out).toBe(
    'context:lab@10.0.0.1: $0.50 a day, only openai/* loopback\n',
  )
  expect((await runInProcess(['limits', 'set', 'default', '--requests-per-minute', '1'], broker)).exit).toBe(
    0,
  )
  expect((await runInProcess(['limits'], broker)).out).toMatch(/^default +1 requests a minute$/m)
  expect((await runInProcess(['chat', 'one'], broker)).exit).toBe(0)
  expect(await runInProcess(['chat', 'two'], broker)).toMatchObject({
    exit: 6,
    err: expect.stringContaining('try again'),
  })
  expect((await runInProcess(['limits', 'remove', 'default'], broker)).out).toBe('default: no limit\n')
  expect((await runInProcess(['chat', 'two'], broker)).exit).toBe(0)
})

test.each([
  ['limits set lab --concurrent 3', 'everybody'],
  ['limits set default', '--usd-per-month 5'],
  ['limits set default --usd-per-day lots', 'US dollars'],
  ['limits set default --concurrent 0', 'above zero'],
  ['priority set groq first', 'whole number'],
  ['tokens create x --expires soon', '30m, 24h'],
])('“%s” exits with 2 and an error that names valid values', async (line, advice) => {
  const run = await runInProcess([...line.split(' '), '--socket', '/nowhere'])
  expect(run).toMatchObject({ exit: 2, out: '', err: expect.stringContaining(advice) })
})

test('a token that expires beyond the last date of JavaScript is listed', async () => {
  const tokens = [{ ...methods['tokens.list'].example.result[0], expires_at: Number.MAX_SAFE_INTEGER }]
  const handlers = { ...exampleHandlers, 'tokens.list': async () => tokens as never }
  await using broker = await startScriptedBroker(chatScript, { handlers })
  const run = await runInProcess(['tokens', '--socket', broker.sockets.rpc])
  expect(run).toMatchObject({ exit: 0, err: '' })
  expect(run.out).toContain('good until +275760-09-13')
})

test('providers are listed and tested, and priorities are set and cleared', async () => {
  await using broker = await startInProcessDaemon()
  const { out } = await runInProcess(['providers'], broker)
  expect(out).toMatch(/^local +ready +0 +\d+ +\S+loopback\.sock$/m)
  expect(out).toMatch(/^openai +set OPENAI_API_KEY +0 +\d+ +api\.openai\.com$/m)
  expect((await runInProcess(['providers', 'test', 'local'], broker)).out).toMatch(
    /^ok {2}no key needed: \d+ models, /,
  )
  expect(await runInProcess(['providers', 'test', 'grok'], broker)).toMatchObject({ exit: 5, out: '' })
  expect((await runInProcess(['priority'], broker)).out).toContain('the models file decides')
  expect((await runInProcess(['priority', 'set', 'local', '7'], broker)).out).toMatch(/^local +7$/m)
  expect((await runInProcess(['priority', 'clear', 'local'], broker)).out).toContain(
    'the models file decides',
  )
})

test('a refused key exits with 8, after a line for each key', async () => {
  await using broker = await startScriptedBroker(chatScript)
  const run = await runInProcess(['providers', 'test', 'groq', '--socket', broker.sockets.rpc])
  expect(run.exit).toBe(8)
  expect(run.out).toBe('ok  key 1: 19 models, 182 ms\nno  key 2: Invalid API Key (HTTP 401), 95 ms\n')
})

test.each([
  ['tokens revoke tok-1', 'tokens has create, disable, enable, delete'],
  ['models bogus', 'models has show, refresh'],
  ['limits show', 'limits has set, remove, left'],
])('the unknown command “%s” is refused, naming the known ones', async (line, names) => {
  const { exit, out, err } = await runInProcess(line.split(' '))
  expect(err).toContain(`error: unknown command '${line.split(' ').slice(0, 2).join(' ')}'; ${names}\n`)
  expect({ exit, out }).toEqual({ exit: 2, out: '' })
})

test('the ledger is verified and exported, and the export never overwrites a file', async () => {
  await using broker = await startInProcessDaemon()
  await runInProcess(['chat', 'hello'], broker)
  expect((await runInProcess(['ledger', 'verify'], broker)).out).toMatch(
    /^intact {2}1 row of 1 payer, each as it was written; all totals are their sums\nhead {4}row 1, \S+\n$/,
  )
  const csv = await runInProcess(['ledger', 'export'], broker)
  expect(csv.out.trimEnd().split('\r\n')).toHaveLength(2)
  const file = join(broker.folder, 'rows.json')
  expect((await runInProcess(['ledger', 'export', '--format', 'json', '--out', file], broker)).exit).toBe(0)
  expect(JSON.parse(await readFile(file, 'utf8'))).toHaveLength(1)
  expect(await runInProcess(['ledger', 'export', '--out', file], broker)).toMatchObject({
    exit: 2,
    err: `hero_aibroker: can’t write ${file}: the file exists already and was not changed\n`,
  })
  const badPath = join(file, 'x')
  expect(await runInProcess(['ledger', 'export', '--out', badPath], broker)).toMatchObject({
    exit: 2,
    err: `hero_aibroker: can’t write ${badPath}: the folder does not exist\n`,
  })
  expect(JSON.parse(await readFile(file, 'utf8'))).toHaveLength(1)
})

test('a tampered row is named and the exit code is 1', async () => {
  const broken = { seq: 7, id: 'gen-1', address: '10.0.0.1', context: 'lab', reason: 'its hash differs' }
  const handlers = { ...exampleHandlers, 'ledger.verify': async () => ({ rows: 9, payers: 1, broken }) }
  await using broker = await startScriptedBroker(chatScript, { handlers })
  const run = await runInProcess(['ledger', 'verify', '--socket', broker.sockets.rpc])
  expect(run.exit).toBe(1)
  expect(run.err).toContain(
    'row 7 (gen-1, 10.0.0.1, context “lab”) is not what was written: its hash differs',
  )
})

const LINE = {
  number: 1,
  time: '2026-01-02T03:04:05.678Z',
  level: 'warn' as const,
  message: 'odd\u001B[2J',
  details: { model: 'a', why: 'two words' },
}

test('the log is shown line by line, without control characters', async () => {
  const seen: unknown[] = []
  const tail = async (params: unknown) => (seen.push(params), { lines: [LINE], next: 1, missed: 0 })
  await using broker = await startScriptedBroker(chatScript, {
    handlers: { ...exampleHandlers, 'logs.tail': tail },
  })
  const { out } = await runInProcess(['logs', '--level', 'warn', '-n', '5', '--socket', broker.sockets.rpc])
  expect(out).toBe('2026-01-02T03:04:05.678Z warn  odd[2J model=a why="two words"\n')
  expect(seen).toEqual([{ level: 'warn', limit: 5 }])
  const json = await runInProcess(['logs', '--json', '--socket', broker.sockets.rpc])
  expect(JSON.parse(json.out)).toEqual(LINE)
})

test.each(['logs -f', 'logs tail'])('%s follows the log until the broker stops', async (line) => {
  const seen: unknown[] = []
  const tail: StreamHandlers['logs.tail'] = async function* (params) {
    seen.push(params)
    yield { lines: [], next: 2, missed: 0 }
    yield undefined
    yield { lines: [LINE], next: 7, missed: 4 }
    throw new BrokerError('stopping', 'the broker is stopping')
  }
  await using broker = await startScriptedBroker(chatScript, {
    streams: { ...exampleStreams, 'logs.tail': tail },
  })
  const run = await runInProcess([...line.split(' '), '--socket', broker.sockets.rpc])
  expect(run).toMatchObject({
    exit: 7,
    out: '… 4 lines were dropped before they could be read\n2026-01-02T03:04:05.678Z warn  odd[2J model=a why="two words"\n',
  })
  expect(seen).toEqual([{ level: 'info', limit: 20 }])
})

test('an invalid number of lines exits with 2', async () => {
  const run = await runInProcess(['logs', '-n', 'many'])
  expect(run).toMatchObject({
    exit: 2,
    err: expect.stringContaining('a whole number from 1 to 1000') as string,
  })
})

test('a rule with a misspelt provider is refused', async () => {
  await using broker = await startInProcessDaemon()
  for (const line of ['limits set default', 'tokens create ci', 'contexts pin lab']) {
    const run = await runInProcess([...line.split(' '), '--providers', 'opnai'], broker)
    expect(run).toMatchObject({ exit: 5, err: expect.stringContaining('no provider “opnai” here') as string })
  }
  expect((await runInProcess(['limits', 'set', 'default', '--providers', 'openai'], broker)).exit).toBe(0)
})

test('a limit can allow or forbid hedging', async () => {
  await using broker = await startInProcessDaemon()
  const set = (...argv: string[]) => runInProcess(['limits', 'set', 'context:lab', ...argv], broker)
  expect((await set('--hedge', '--concurrent', '3')).out).toBe('context:lab: 3 at once, hedged\n')
  expect((await set('--no-hedge')).out).toBe('context:lab: never hedged\n')
  expect((await runInProcess(['limits', '--json'], broker)).out).toContain('"hedge": false')
})

test('config lists the settings that were set first, and reload prints the new counts', async () => {
  await using broker = await startInProcessDaemon()
  const [, first = ''] = (await runInProcess(['config'], broker)).out.split('\n')
  expect(first).toMatch(/^\S+ +\S+ +environment +[A-Z_]+$/)
  expect((await runInProcess(['config', 'reload'], broker)).out).toMatch(
    /^\d+ models, 1 provider, 0 keys; models from \S+yml$/m,
  )
})

test('a model is shown with its endpoints; providers without a key come last and are named', async () => {
  await using broker = await startInProcessDaemon()
  const { out } = await runInProcess(['models', 'show', 'gpt-4o-mini'], broker)
  expect(out).toMatch(/^gpt-4o-mini +GPT-4o mini/m)
  expect(out).toMatch(/^openai\/gpt-4o-mini +\d+ +\S+ +\$0\.15 +\$0\.075 +\$0\.60 +\d{4}-\d\d-\d\d$/m)
  expect(out).toContain('openai, openrouter: no key here.')
  expect(await runInProcess(['models', 'show', 'gpt-4o-mimi'], broker)).toMatchObject({
    exit: 5,
    err: expect.stringContaining('did you mean “gpt-4o-mini”') as string,
  })
  expect((await runInProcess(['models', 'refresh'], broker)).out).toContain(
    'No configured provider publishes a list',
  )
})

test('a context is shown, pinned, unpinned and deleted', async () => {
  await using broker = await startInProcessDaemon()
  const here = (...argv: string[]) => runInProcess(['contexts', ...argv], broker)
  expect((await here()).out).toContain('No request has named a context yet')
  expect(await here('show', 'lab')).toMatchObject({ exit: 5 })
  expect(await here('pin', 'lab')).toMatchObject({
    exit: 2,
    err: expect.stringContaining('--local-only') as string,
  })
  expect((await here('pin', 'lab', '--models', 'loopback*', '--local-only')).out).toBe(
    'lab: only loopback*, only on this host\n',
  )
  expect((await here()).out).toMatch(/^lab +0 +\$0\.00 +– +only loopback\*, only on this host$/m)
  expect((await here('show', 'lab')).out).toContain('set: only loopback*, only on this host')
  expect(await here('pin', 'lab', '--providers', 'nobody')).toMatchObject({ exit: 5 })
  expect((await here('unpin', 'lab')).out).toBe('lab: all providers and models\n')
  expect((await here('delete', 'lab')).out).toBe('it had no rules\n')
})

test('files are sent with a message as content parts of their type', async () => {
  await using broker = await startInProcessDaemon()
  const files = { 'dot.png': 'PNG', 'notes.txt': 'two\nlines', 'voice.wav': 'RIFF', 'page.pdf': '%PDF' }
  const paths: string[] = []
  for (const [name, text] of Object.entries(files)) {
    paths.push(join(broker.folder, name))
    await writeFile(join(broker.folder, name), text)
  }
  await using scripted = await startScriptedBroker(chatScript)
  const run = await runInProcess(['chat', 'look', '--socket', scripted.sockets.rest, '--file', ...paths])
  expect(run.exit).toBe(0)
  expect(scripted.chatRequests[0]?.messages).toEqual([
    {
      role: 'user',
      content: [
        { type: 'text', text: 'look' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,UE5H' } },
        { type: 'text', text: 'notes.txt:\n\ntwo\nlines' },
        { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
        { type: 'file', file: { filename: 'page.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } },
      ],
    },
  ])
  const real = await runInProcess(['chat', 'look', '--file', join(broker.folder, 'notes.txt')], broker)
  expect(real).toMatchObject({ exit: 0, err: '' })

  await writeFile(join(broker.folder, 'blob.bin'), Buffer.from([0xff, 0xfe, 0x00]))
  const odd = await runInProcess(['chat', 'look', '--file', join(broker.folder, 'blob.bin')], broker)
  expect(odd).toMatchObject({ exit: 2, err: expect.stringContaining('neither text nor one of .png') })
  const absent = await runInProcess(['chat', 'look', '--file', join(broker.folder, 'absent.png')], broker)
  expect(absent).toMatchObject({ exit: 5, err: expect.stringContaining('absent.png') })
})
