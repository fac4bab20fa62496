import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { MAIN } from '../support/run-cli.ts'
import { HEAD, event, says, startScriptedBroker } from '../support/scripted-broker.ts'
import type { ChatScript, ScriptedBroker } from '../support/scripted-broker.ts'
import { hasTmux, startTmux } from '../support/tmux.ts'

/** Sends one word and then nothing more, until the caller disconnects. */
const stalls: ChatScript = async (_request, response) => {
  response.write(event({ ...HEAD, choices: [{ index: 0, delta: { content: 'Well' } }] }))
  await once(response, 'close')
}

describe.skipIf(!hasTmux())('a conversation in a terminal (needs tmux)', () => {
  test('streams responses, keeps them in the history, and prints the cost after each', async () => {
    await using broker = await startScriptedBroker(says('Hello', ' there'))
    await using screen = await startChat(broker)
    await screen.see('Talking to auto.')
    await screen.type('hi', 'Enter')
    expect(await screen.see('ms')).toContain('gpt-4o-mini · Groq · 9 + 4 tokens · $0.0000039 ·')
    await screen.type('again', 'Enter')
    await screen.see(/› again[^]*Hello there[^]*ms/)
    expect(broker.chatRequests[1]?.messages.map(({ content }) => content)).toEqual([
      'hi',
      'Hello there',
      'again',
    ])
    await screen.type('/cost', 'Enter')
    await screen.see('2 answers, 18 + 8 tokens, $0.0000078')
    await screen.type('C-d')
    await screen.see('ended with 0')
  })

  test('/file sends a file with the next message only', async () => {
    await using broker = await startScriptedBroker(says('I see'))
    await writeFile(join(broker.folder, 'dot.png'), 'PNG')
    await using screen = await startChat(broker)
    await screen.type(`/file ${join(broker.folder, 'absent.png')}`, 'Enter')
    await screen.see('can’t read')
    await screen.type(`/file ${join(broker.folder, 'dot.png')}`, 'Enter')
    await screen.see('with the next message: dot.png')
    await screen.type('what is it?', 'Enter')
    await screen.see('I see')
    await screen.type('sure?', 'Enter')
    await screen.see(/sure\?[^]*I see/)
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,UE5H' } }
    expect(broker.chatRequests[1]?.messages.map(({ content }) => content)).toEqual([
      [{ type: 'text', text: 'what is it?' }, image],
      'I see',
      'sure?',
    ])
  })

  test('the terminal shows a wait of more than a second until the response comes', async () => {
    const released = Promise.withResolvers<void>()
    await using broker = await startScriptedBroker(async (request, response) => {
      await released.promise
      await says('At last')(request, response)
    })
    await using screen = await startChat(broker)
    await screen.type('hi', 'Enter')
    await screen.see(/waiting for the broker at .* … 1 s/)
    released.resolve()
    expect(await screen.see('At last')).not.toContain('waiting')
  })

  test('Ctrl-C stops the response and not the conversation', async () => {
    await using broker = await startScriptedBroker(async (request, response) =>
      broker.chatRequests.length === 1 ? stalls(request, response) : says('Fine')(request, response),
    )
    await using screen = await startChat(broker)
    await screen.type('hi', 'Enter')
    await screen.see('Well')
    await screen.type('C-c')
    await screen.see('stopped · gpt-4o-mini')
    await screen.type('and', 'Enter')
    await screen.see('Fine')
    await screen.type('C-c')
    await screen.see('Ctrl-D or /quit ends the conversation')
    await screen.type('half a thought', 'C-c')
    await screen.type('/quit', 'Enter')
    await screen.see('ended with 0')
    expect(broker.chatRequests).toHaveLength(2)
  })

  test('the up arrow recalls the last message, and a backslash continues it in the next line', async () => {
    await using broker = await startScriptedBroker(says('Fine'))
    await using screen = await startChat(broker)
    await screen.type('first', 'Enter')
    await screen.see(/first[^]*Fine[^]*ms/)
    await screen.type('Up')
    await screen.see(/ms[^]*› first/)
    await screen.type('\\', 'Enter', 'second', 'Enter')
    await screen.see(/second[^]*Fine[^]*ms/)
    expect(broker.chatRequests.at(-1)?.messages.at(-1)?.content).toBe('first\nsecond')
  })

  test('a paste of several lines is one message', async () => {
    await using broker = await startScriptedBroker(says('Fine'))
    await using screen = await startChat(broker)
    await screen.see('Talking to')
    await screen.paste('one\ntwo\nthree')
    await screen.see('three')
    await screen.type('Enter')
    await screen.see('Fine')
    expect(broker.chatRequests.map(({ messages }) => messages[0]?.content)).toEqual(['one\ntwo\nthree'])
  })

  test('/model, /system, /new and /save do what /help describes', async () => {
    await using broker = await startScriptedBroker(says('Fine'))
    await using screen = await startChat(broker)
    const file = join(broker.folder, 'talk.md')
    for (const line of ['/help', '/model gpt-4o', '/system be brief', 'hi']) await screen.type(line, 'Enter')
    await screen.see(/Fine[^]*ms/)
    await screen.type(`/save ${file}`, 'Enter')
    await screen.see(`saved ${file}`)
    await screen.type(`/save ${file}`, 'Enter')
    await screen.see('exists; nothing was written')
    await screen.type('/new', 'Enter', 'hello', 'Enter')
    await screen.see(/forgotten[^]*Fine[^]*ms/)
    await screen.type('/nonsense', 'Enter')
    await screen.see('there is no /nonsense')
    expect(await readFile(file, 'utf8')).toBe(
      '## system\n\nbe brief\n\n## user\n\nhi\n\n## assistant\n\nFine\n',
    )
    expect(broker.chatRequests[1]).toMatchObject({
      model: 'gpt-4o',
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'hello' },
      ],
    })
  })

  test('a failed response is reported and not kept in the history; the conversation continues', async () => {
    await using broker = await startScriptedBroker((request, response) =>
      broker.chatRequests.length === 1 ? void response.end() : says('Fine')(request, response),
    )
    await using screen = await startChat(broker)
    await screen.type('hi', 'Enter')
    await screen.see('failed the response ended before it was complete')
    await screen.type('again', 'Enter')
    await screen.see('Fine')
    expect(broker.chatRequests[1]?.messages).toEqual([{ role: 'user', content: 'again' }])
  })

  test('Markdown is rendered', async () => {
    await using broker = await startScriptedBroker(says('It is **very', '** fine'))
    await using screen = await startChat(broker)
    await screen.type('hi', 'Enter')
    expect(await screen.see('fine')).toContain('It is very fine')
  })

  test('the text of a model can’t control the terminal', async () => {
    await using broker = await startScriptedBroker(says('\u001B[2J\u001B]0;owned\u0007harmless'))
    await using screen = await startChat(broker)
    await screen.type('hi', 'Enter')
    expect(await screen.see('harmless')).toContain('Talking to auto.')
  })
})

async function startChat({ folder, sockets }: ScriptedBroker) {
  return startTmux(join(folder, 'tmux'), `'${process.execPath}' '${MAIN}' chat --socket '${sockets.rest}'`)
}
