import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hasCodex, runCodex } from '../support/codex.ts'
import { openaiAt } from '../support/providers-env.ts'
import { scriptedUpstream } from '../support/scripted-upstream.ts'
import { portTo } from '../support/port-to-socket.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { toolCallingModel } from '../support/tool-calling-model.ts'

/** A model that writes the file with the tool that it is offered. */
function writesFile(path: string) {
  const command = `printf 'written by a model of another vendor' > ${path}`
  const script = `const result = await tools.exec_command({cmd: ${JSON.stringify(command)}}); text(result.output)`
  return toolCallingModel({ exec_command: { cmd: command }, exec: { input: script } })
}

const IS_INSTALLED = hasCodex()
if (!IS_INSTALLED) console.log('skipped: Codex is not installed; CODEX_PATH names its program')

/** Codex sends functions for a name that it does not know, and one tool of free text, in a namespace, for a newer one. */
test.skipIf(!IS_INSTALLED).each(['gpt-4.1', 'gpt-5.6-sol'])(
  'Codex writes a file with %s at a provider of chat completions',
  async (model) => {
    using folder = tempFolder()
    const path = join(folder.path, 'note.txt')
    await using upstream = await scriptedUpstream(writesFile(path))
    await using broker = await startBroker({ env: openaiAt(upstream) })
    using port = await portTo(broker.sockets.rest)
    const output = await runCodex({
      baseUrl: `${port.url}/v1`,
      folder: folder.path,
      model,
      prompt: `Write a note to ${path}`,
    })
    expect(output).toContain('The file is written.')
    expect(await readFile(path, 'utf8')).toBe('written by a model of another vendor')
    expect(broker.rows().filter(({ status }) => status !== 'finished')).toEqual([])
  },
)
