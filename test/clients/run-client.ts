import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { portTo } from '../support/port-to-socket.ts'
import { runProcess } from '../support/run-cli.ts'
import { scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { BREAKING_MODELS, busy, BUSY_MODEL, MODEL, modelsFile, scenes } from './scenes.ts'

/**
 * Runs a program that asks a broker of its own: it gets the base URL and the names of the models as further arguments, and
 * prints what it makes of the responses as JSON.
 */
export async function runClient(
  [program = '', ...argv]: readonly string[],
  prefix: string,
): Promise<unknown> {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(scenes)
  await using full = await scriptedUpstream(busy)
  const file = join(folder.path, 'models.yml')
  writeFileSync(file, modelsFile(upstream.baseUrl, full.baseUrl))
  await using broker = await startBroker({
    folder: folder.path,
    env: { KEY: 'test-key', MODELS_CONFIG_PATH: file },
  })
  using port = await portTo(broker.sockets.rest)
  const models = [MODEL, BUSY_MODEL, ...BREAKING_MODELS.slice(0, 2)]
  const { exit, out, err } = await runProcess(program, [...argv, port.url + prefix, ...models])
  expect([exit, err]).toEqual([0, ''])
  return JSON.parse(out)
}
