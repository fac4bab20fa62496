import { join } from 'node:path'

import { expect, test } from 'vitest'

import { startInProcessDaemon } from '../support/in-process-daemon.ts'
import { runProcess } from '../support/run-cli.ts'

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples')

test.each([
  ['sh', 'curl.sh', 'data: [DONE]'],
  ['node', 'openai-client.ts', 'tokens'],
  ['node', 'sdk.ts', 'no-such-model: '],
])('%s examples/%s runs without errors and prints what it shows', async (program, file, expected) => {
  await using broker = await startInProcessDaemon()
  const run = await runProcess(program === 'node' ? process.execPath : program, [join(EXAMPLES, file)], {
    environment: broker.environment,
  })
  expect(run).toMatchObject({ exit: 0, err: '' })
  expect(run.out).toContain(expected)
})
