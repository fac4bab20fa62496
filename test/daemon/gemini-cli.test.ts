import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { GEMINI_CLI, hasGeminiCli, runGeminiCli } from '../support/gemini-cli.ts'
import { openaiAt } from '../support/providers-env.ts'
import { MAIN, runProcess } from '../support/run-cli.ts'
import { scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { toolCallingModel } from '../support/tool-calling-model.ts'

/** A model that writes the file. */
const writesFile = (path: string) =>
  toolCallingModel({ write_file: { file_path: path, content: 'written by a model of another vendor\n' } })

const IS_INSTALLED = hasGeminiCli()
if (!IS_INSTALLED) console.log('skipped: Gemini CLI is not installed; GEMINI_CLI_PATH names its program')

test.skipIf(!IS_INSTALLED)(
  'Gemini CLI writes a file with a model of a provider of chat completions',
  { timeout: 120_000 },
  async () => {
    using folder = tempFolder()
    const path = join(folder.path, 'note.txt')
    await using upstream = await scriptedUpstream(writesFile(path))
    await using broker = await startBroker({
      env: openaiAt(upstream),
      args: ['--address', '127.0.0.1', '--port', '0'],
    })
    const output = await runGeminiCli({
      port: broker.port,
      folder: folder.path,
      model: 'gpt-4.1',
      prompt: `Write a note to ${path}`,
    })
    expect(output).toContain('The file is written.')
    expect(await readFile(path, 'utf8')).toBe('written by a model of another vendor\n')
    expect(broker.rows().filter(({ status }) => status !== 'finished')).toEqual([])
  },
)

test.skipIf(!IS_INSTALLED)(
  'hero_aibroker run starts Gemini CLI on the socket, and prints what it cost',
  { timeout: 120_000 },
  async () => {
    using folder = tempFolder()
    const path = join(folder.path, 'note.txt')
    await using upstream = await scriptedUpstream(writesFile(path))
    await using broker = await startBroker({ env: openaiAt(upstream) })
    const prompt = ['-p', `Write a note to ${path}`, '--approval-mode', 'yolo', '--skip-trust']
    const { exit, out, err } = await runProcess(
      process.execPath,
      [
        MAIN,
        '--socket',
        broker.sockets.folder,
        '-m',
        'gpt-4.1',
        'run',
        'gemini',
        '--usd',
        '1',
        '--',
        ...prompt,
      ],
      {
        environment: {
          PATH: `${dirname(GEMINI_CLI)}:${process.env['PATH'] ?? ''}`,
          HOME: folder.path,
          // Gemini CLI trusts no settings below a folder that others may write to.
          XDG_CACHE_HOME: join(homedir(), '.cache'),
        },
        cwd: folder.path,
      },
    )
    expect([exit, out]).toEqual([0, expect.stringContaining('The file is written.')])
    expect(err).toMatch(/gemini: \d requests?, [\d,]+ tokens, \$0\.\d+ of \$1\.00/)
    expect(await readFile(path, 'utf8')).toBe('written by a model of another vendor\n')
  },
)
