import { createServer } from 'node:net'
import { once } from 'node:events'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { methods } from '../../../src/wire/rpc.ts'
import { startDaemonHere } from '../../support/daemon-here.ts'
import { exampleHandlers } from '../../support/rpc-handlers.ts'
import { runHere } from '../../support/run-cli.ts'
import { says, startScriptedBroker } from '../../support/scripted-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const info = methods.info.example.result

test('a fresh broker is well, and the doctor says which key is wanting', async () => {
  await using broker = await startDaemonHere()
  const { exit, out } = await runHere(['doctor', '--ask'], broker)
  expect(out).toMatch(/✓ .*rpc\.sock answers in/)
  expect(out).toMatch(/✓ .*rest\.sock answers in/)
  expect(out).toContain('! only the built-in echo answers\n  for real models set OPENROUTER_API_KEY')
  expect(out).toMatch(/✓ auto answers a question in/)
  expect(exit).toBe(0)
})

test('no broker: what was tried, what would help, exit 7', async () => {
  const { exit, out, err } = await runHere(['doctor'])
  expect(out).toContain('✗ no broker answers at /nowhere/hero/var/sockets/hero_aibroker/rpc.sock')
  expect(out).toContain('nothing is there: start a broker with “npm start”')
  expect({ exit, err }).toEqual({ exit: 7, err: 'hero_aibroker: 2 checks failed\n' })
})

test('a socket that a dead broker left behind is told from one that is not there', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'rpc.sock')
  const server = createServer()
  await once(server.listen(path), 'listening')
  // A process that is killed leaves its socket file; a server that closes takes it along, so it is moved out of the way.
  await rename(path, `${path}.kept`)
  server.close()
  await rename(`${path}.kept`, path)
  const { out } = await runHere(['doctor', '--socket', path])
  expect(out).toContain('a broker left this socket behind')
})

test('doubts are shown with advice and are no failure', async () => {
  const troubled = {
    ...info,
    providers: [{ ...info.providers[0], state: 'cooling' as const }],
    models_config: { ...info.models_config, problems: ['row 7: no price'] },
    warnings: ['clocks differ'],
  }
  const handlers = { ...exampleHandlers, info: async () => troubled as never }
  await using broker = await startScriptedBroker(says(), { handlers })
  const { exit, out } = await runHere(['doctor', '--socket', broker.path])
  expect(exit).toBe(0)
  expect(out).toContain('! Groq: cooling, 2 keys, 9 models')
  expect(out).toContain('row 7: no price\n  mend the file')
  expect(out).toContain('! clocks differ')
  expect(out).toContain('! the broker is 0.1.0, this is 0.0.0\n  restart the broker')
})

test('--json is the list of findings', async () => {
  await using broker = await startScriptedBroker(says('yes'))
  const { out } = await runHere(['doctor', '--json', '--socket', broker.path])
  expect(JSON.parse(out)).toContainEqual({ state: 'good', what: 'Groq: ready, 2 keys, 9 models' })
})
