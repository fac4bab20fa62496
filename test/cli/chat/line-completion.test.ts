import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { createCompletion } from '../../../src/cli/chat/line-completion.ts'
import { unixTransport } from '../../../src/sdk-node/unix-transport.ts'
import { connect } from '../../../src/sdk/index.ts'
import { says, startScriptedBroker } from '../../support/scripted-broker.ts'
import { hasTmux, startTmux } from '../../support/tmux.ts'
import { MAIN } from '../../support/run-cli.ts'
import { tempFolder } from '../../support/temp-folder.ts'

test.each([
  ['/mo', ['/model'], '/mo'],
  ['/s', ['/system', '/save'], '/s'],
  ['hello', [], 'hello'],
  ['', [], ''],
  ['/model gpt', ['gpt-4o-mini'], 'gpt'],
  ['/model claude', [], 'claude'],
  ['/tools serper__w', ['serper__web_search'], 'serper__w'],
  ['/tools other, ser', ['serper__web_search'], 'ser'],
  ['/system be ', [], ''],
])('“%s” completes to %j', async (line, hits, end) => {
  await using broker = await startScriptedBroker(says())
  expect(await createCompletion(connect(unixTransport(broker.sockets)))(line)).toEqual([hits, end])
})

test('paths complete folder by folder, and without a broker names complete to nothing', async () => {
  using folder = tempFolder()
  mkdirSync(join(folder.path, 'pictures'))
  writeFileSync(join(folder.path, 'pictures', 'dot.png'), '')
  const complete = createCompletion(connect(unixTransport({ rpc: '/nowhere', rest: '/nowhere' })))
  const hitsOf = async (line: string) => (await complete(line))[0]
  expect(await hitsOf(`/file ${folder.path}/pic`)).toEqual([`${folder.path}/pictures/`])
  expect(await hitsOf(`/file ${folder.path}/pictures/`)).toEqual([`${folder.path}/pictures/dot.png`])
  expect(await hitsOf(`/file ${folder.path}/absent/`)).toEqual([])
  expect(await hitsOf('/model g')).toEqual([])
})

test.skipIf(!hasTmux())('the Tab key completes in a terminal (needs tmux)', async () => {
  await using broker = await startScriptedBroker(says('Fine'))
  const command = `'${process.execPath}' '${MAIN}' chat --socket '${broker.sockets.rest}'`
  await using screen = await startTmux(join(broker.folder, 'tmux'), command)
  await screen.see('Talking to auto')
  await screen.type('/mod', 'Tab')
  await screen.see('› /model')
  await screen.type(' gpt', 'Tab')
  await screen.see('› /model gpt-4o-mini')
  await screen.type('Enter')
  expect(await screen.see('model: gpt-4o-mini')).toContain('model: gpt-4o-mini')
})
