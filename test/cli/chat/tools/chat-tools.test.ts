// The broker's tools in a conversation: no tool runs without approval.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { BrokerError } from '../../../../src/base/errors.ts'
import type { Params, Result } from '../../../../src/wire/rpc/methods.ts'
import { exampleHandlers } from '../../../support/rpc-handlers.ts'
import { MAIN, runInProcess } from '../../../support/run-cli.ts'
import { HEAD, event, says, startScriptedBroker, USAGE } from '../../../support/scripted-broker.ts'
import type { ChatScript } from '../../../support/scripted-broker.ts'
import { hasTmux, startTmux } from '../../../support/tmux.ts'

type Call = Params<'mcp.call_tool'>

const tools: Result<'mcp.list_tools'>['tools'] = ['clock__now', 'clock__set', 'files__delete'].map(
  (name) => ({
    name,
    server: name.split('__')[0] ?? '',
    description: `does ${name}`,
    inputSchema: { type: 'object' },
    price_usd: '0.001',
  }),
)

/** Calls tools, in pieces as providers do; once it has the result of one, it responds with that result as text. */
const callsThenResponds =
  (...calls: readonly [name: string, args: string][]): ChatScript =>
  (request, response) => {
    const last = request.messages.at(-1)
    if (last?.role === 'tool') return says(`It says: ${last.content}`)(request, response)
    const send = (delta: object) => response.write(event({ ...HEAD, choices: [{ index: 0, delta }] }))
    for (const [index, [name, args]] of calls.entries()) {
      send({
        tool_calls: [{ index, id: `call-${index}`, type: 'function', function: { name, arguments: '' } }],
      })
      for (const piece of args) send({ tool_calls: [{ index, function: { arguments: piece } }] })
    }
    response.write(event({ ...HEAD, choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] }))
    response.write(event({ ...HEAD, choices: [], usage: USAGE }))
    response.end('data: [DONE]\n\n')
  }

/** A broker with three tools that records their calls. */
async function start(
  script: ChatScript,
  answer = async (): Promise<Result<'mcp.call_tool'>> => NOON,
  offered = tools,
) {
  const called: Call[] = []
  const handlers = {
    ...exampleHandlers,
    'mcp.list_tools': async () => ({ tools: offered, unavailable: [] }),
    'mcp.call_tool': async (call: Call) => {
      called.push(call)
      return answer()
    },
  }
  const broker = await startScriptedBroker(script, { handlers })
  return { ...broker, called }
}

const NOON = { content: [{ type: 'text', text: 'noon' }] }

describe('a single message with tools', () => {
  test('with --yes a tool runs, the model gets its result, and only the final text goes to standard output', async () => {
    await using broker = await start(callsThenResponds(['clock__now', '{"zone":"UTC"}']))
    const argv = ['chat', 'what time is it?', '--tools', 'clock__*', '--yes', '--socket', broker.sockets.rpc]
    const run = await runInProcess(argv)
    expect(run).toMatchObject({ exit: 0, out: 'It says: noon\n' })
    expect(run.err).toBe('tool clock__now {"zone":"UTC"} ($0.001)\nresult noon\n')
    expect(broker.called).toEqual([{ name: 'clock__now', arguments: { zone: 'UTC' } }])
    const [first, second] = broker.chatRequests
    expect(first?.tools?.map(({ function: { name } }) => name)).toEqual(['clock__now', 'clock__set'])
    const call = {
      id: 'call-0',
      type: 'function',
      function: { name: 'clock__now', arguments: '{"zone":"UTC"}' },
    }
    expect(second?.messages).toEqual([
      { role: 'user', content: 'what time is it?' },
      { role: 'assistant', content: '', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call-0', content: 'noon' },
    ])
  })

  test('without --yes and without a terminal no tool runs and the exit code is 3', async () => {
    await using broker = await start(callsThenResponds(['clock__now', '']))
    const run = await runInProcess(['chat', 'time?', '--tools', '*', '--socket', broker.sockets.rpc])
    expect(run).toMatchObject({ exit: 3, err: expect.stringContaining('--yes lets tools run') })
    expect(broker.called).toEqual([])
  })

  test.each([
    ['reports a failure', async () => ({ ...NOON, isError: true }), 'The tool failed: noon'],
    [
      'can’t be reached',
      () => Promise.reject(new BrokerError('upstream-down', 'clock is down')),
      'The tool was not run: clock is down.',
    ],
  ])('the model gets the failure of a tool that %s', async (_, answer, reported) => {
    await using broker = await start(callsThenResponds(['clock__now', '{}']), answer)
    const run = await runInProcess(['chat', 'time?', '-t', '*', '-y', '--socket', broker.sockets.rpc])
    expect(run).toMatchObject({ exit: 0, out: `It says: ${reported}\n` })
  })

  test.each([
    ['files__delete', '{}', 'there is no tool “files__delete” here'],
    ['clock__now', '[1]', 'the arguments are not a JSON object'],
  ])('an invalid call of %s with %s is not made', async (name, args, why) => {
    await using broker = await start(callsThenResponds([name, args]))
    const run = await runInProcess([
      'chat',
      'time?',
      '-t',
      'clock__now',
      '-y',
      '--socket',
      broker.sockets.rpc,
    ])
    expect(run).toMatchObject({ exit: 0, out: `It says: The tool was not run: ${why}.\n` })
    expect(broker.called).toEqual([])
  })

  test('a model that only calls tools may call no more after 20 rounds', async () => {
    const always = callsThenResponds(['clock__now', '{}'])
    await using broker = await start((request, response) =>
      request.tool_choice === 'none'
        ? says('Enough')(request, response)
        : always({ ...request, messages: [] }, response),
    )
    const run = await runInProcess(['chat', 'time?', '-t', '*', '-y', '--socket', broker.sockets.rpc])
    expect(run).toMatchObject({ exit: 0, out: 'Enough\n' })
    expect(broker.called).toHaveLength(20)
  })

  test('names that match no tool are refused before any chat request is sent', async () => {
    await using broker = await start(says('no'))
    const run = await runInProcess(['chat', 'hi', '-t', 'nothing', '--socket', broker.sockets.rpc])
    expect(run).toMatchObject({ exit: 5, err: expect.stringContaining('no tool matches “nothing”') })
    expect(broker.chatRequests).toEqual([])
  })
})

describe.skipIf(!hasTmux())('tools in a terminal (needs tmux)', () => {
  const startChat = async ({ folder, sockets }: Awaited<ReturnType<typeof start>>, ...more: string[]) =>
    startTmux(
      join(folder, 'tmux'),
      [`'${process.execPath}'`, `'${MAIN}'`, 'chat', ...more, '--socket', `'${sockets.rest}'`].join(' '),
    )

  test('each call is shown and needs approval: no, yes, or always', async () => {
    await using broker = await start(callsThenResponds(['clock__now', '{"zone":"UTC"}']))
    await using screen = await startChat(broker)
    await screen.type('/tools', 'Enter')
    await screen.see('the model may call no tools')
    await screen.type('/tools clock__*', 'Enter')
    await screen.see(/may call 2 tools:\s+clock__now\s+clock__set/)

    await screen.type('first', 'Enter')
    await screen.see(/tool clock__now \{"zone":"UTC"\} \(\$0\.001\)\s+run it\?/)
    await screen.type('what?', 'Enter', 'n', 'Enter')
    await screen.see('It says: The tool was not run: the user does not want this tool to run.')
    expect(broker.called).toEqual([])

    await screen.type('second', 'Enter')
    await screen.see(/second\s+tool clock__now[^]*run it\?/)
    await screen.type('y', 'Enter')
    expect(await screen.see(/result noon\s+It says: noon\s+gpt-4o-mini/)).toContain(
      '18 + 8 tokens · $0.0010078',
    )

    await screen.type('third', 'Enter')
    await screen.see(/third\s+tool clock__now[^]*run it\?/)
    await screen.type('always', 'Enter')
    await screen.see(/third[^]*It says: noon[^]*ms/)
    await screen.type('fourth', 'Enter')
    await screen.see(/fourth\s+tool clock__now[^\n]*\s+result noon\s+It says: noon/)
    expect(broker.called).toHaveLength(3)

    await screen.type('/cost', 'Enter')
    await screen.see('$0.0030312')
    const file = join(broker.folder, 'talk.md')
    await screen.type(`/save ${file}`, 'Enter')
    await screen.see('saved')
    expect(await readFile(file, 'utf8')).toContain(
      '## assistant\n\nclock__now {"zone":"UTC"}\n\n## tool\n\nnoon',
    )
  })

  test('a call of unknown price makes the cost unknown, never free', async () => {
    const unpriced = tools.map(({ price_usd: _price, ...tool }) => tool)
    await using broker = await start(callsThenResponds(['clock__now', '{}']), async () => NOON, unpriced)
    await using screen = await startChat(broker, '--tools', "'*'", '--yes')
    await screen.type('hello', 'Enter')
    expect(await screen.see(/It says: noon[^]* ms/)).toMatch(/\(price unknown\)[^]* · price unknown · /)
    await screen.type('/cost', 'Enter')
    await screen.see('$0.0000078 and 1 item of unknown cost')
  })

  test('the reply to an approval is not a message and not in the history of the up arrow', async () => {
    await using broker = await start(callsThenResponds(['clock__now', '{}']))
    await using screen = await startChat(broker, '--tools', "'*'")
    await screen.type('hello', 'Enter')
    await screen.see('run it?')
    await screen.type('y', 'Enter')
    await screen.see(/It says: noon[^]*ms/)
    await screen.type('Up', 'Enter')
    await screen.see(/ms\s+› hello[^]*run it\?/)
    expect(broker.chatRequests.at(-1)?.messages.at(-1)?.content).toBe('hello')
  })

  test('Ctrl-C at the approval stops the turn, and the conversation continues without it', async () => {
    await using broker = await start((request, response) =>
      request.messages.at(-1)?.content === 'again'
        ? says('Fine')(request, response)
        : callsThenResponds(['clock__now', '{}'])(request, response),
    )
    await using screen = await startChat(broker, '--tools', "'*'")
    await screen.type('hello', 'Enter')
    await screen.see('run it?')
    await screen.type('C-c')
    await screen.see('stopped')
    await screen.type('again', 'Enter')
    await screen.see('Fine')
    expect(broker.called).toEqual([])
    expect(broker.chatRequests.at(-1)?.messages).toEqual([{ role: 'user', content: 'again' }])
  })

  test('a single message asks for approval at the terminal too', async () => {
    await using broker = await start(callsThenResponds(['clock__now', '{}']))
    await using screen = await startChat(broker, 'time?', '--tools', "'*'")
    await screen.see('run it?')
    await screen.type('y', 'Enter')
    await screen.see(/It says: noon[^]*ended with 0/)
    expect(broker.called).toHaveLength(1)
  })
})
