import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hasClaudeCode, runClaudeCode } from '../support/claude-code.ts'
import { openaiAt } from '../support/providers-env.ts'
import { scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { toolCallingModel } from '../support/tool-calling-model.ts'

/** A model that writes the file. */
const writesFile = (path: string) =>
  toolCallingModel({ Write: { file_path: path, content: 'written by a model of another vendor\n' } })

const IS_INSTALLED = hasClaudeCode()
if (!IS_INSTALLED) console.log('skipped: Claude Code is not installed; CLAUDE_CODE_PATH names its program')

test.skipIf(!IS_INSTALLED)(
  'Claude Code writes a file with a model of a provider of chat completions',
  async () => {
    using folder = tempFolder()
    const path = join(folder.path, 'note.txt')
    await using upstream = await scriptedUpstream(writesFile(path))
    await using broker = await startBroker({ env: openaiAt(upstream) })
    const output = await runClaudeCode({
      socketPath: broker.sockets.rest,
      folder: folder.path,
      model: 'gpt-4.1',
      prompt: `Write a note to ${path}`,
    })
    expect(output).toContain('The file is written.')
    expect(await readFile(path, 'utf8')).toBe('written by a model of another vendor\n')
    expect(broker.rows().filter(({ status }) => status !== 'finished')).toEqual([])
  },
)
