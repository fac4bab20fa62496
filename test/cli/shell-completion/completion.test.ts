import { execFileSync } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { SHELLS } from '../../../src/cli/shell-completion/completion-scripts.ts'
import { runInProcess, runProcess } from '../../support/run-cli.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const has = (shell: string) => {
  try {
    execFileSync(shell, ['-c', 'true'])
    return true
  } catch {
    return false
  }
}

test.each(SHELLS)('the script for %s names every command and option', async (shell) => {
  const { out, exit } = await runInProcess(['completion', shell])
  expect(exit).toBe(0)
  for (const word of ['chat', 'models', 'usage', 'doctor', 'system', 'max-price', 'since', 'socket']) {
    expect(out).toContain(word)
  }
})

test('an unknown shell exits with 2', async () => {
  expect(await runInProcess(['completion', 'tcsh'])).toMatchObject({
    exit: 2,
    err: expect.stringContaining('bash, zsh'),
  })
})

describe.skipIf(!has('bash'))('completion in bash', () => {
  test.each([
    ['hero_aibroker us', ['usage']],
    ['hero_aibroker models --max', ['--max-price']],
    ['hero_aibroker completion z', ['zsh']],
    ['hero_aibroker chat -m gpt', ['gpt-4o', 'gpt-5']],
    ['hero_aibroker --model $', ['$(touch owned)']],
  ])('completes “%s” to %j', async (line, words) => {
    using folder = tempFolder()
    expect(await completeInBash(folder.path, line)).toEqual(words)
    expect(await runProcess('ls', [folder.path])).not.toMatchObject({ out: expect.stringContaining('owned') })
  })
})

describe.skipIf(!has('fish'))('completion in fish', () => {
  test.each([
    ['hero_aibroker us', ['usage']],
    ['hero_aibroker models --max', ['--max-price']],
    ['hero_aibroker chat -m gpt', ['gpt-4o', 'gpt-5']],
  ])('completes “%s” to %j', async (line, words) => {
    using folder = tempFolder()
    await installCommand(folder.path)
    const { out } = await runInProcess(['completion', 'fish'])
    const script = `set -p PATH '${folder.path}'\n${out}\ncomplete -C '${line}'`
    const run = await runProcess('fish', ['--no-config', '-c', script])
    expect(
      run.out
        .trim()
        .split('\n')
        .map((word) => word.split('\t')[0]),
    ).toEqual(words)
  })
})

test.skipIf(!has('zsh'))('zsh parses its completion script without errors', async () => {
  using folder = tempFolder()
  const path = join(folder.path, '_hero_aibroker')
  await writeFile(path, (await runInProcess(['completion', 'zsh'])).out)
  expect(await runProcess('zsh', ['-n', path])).toEqual({ exit: 0, out: '', err: '' })
})

async function completeInBash(folder: string, line: string): Promise<string[]> {
  await installCommand(folder)
  const { out } = await runInProcess(['completion', 'bash'])
  const words = line.split(' ').map((word) => `'${word}'`)
  const script = [
    `cd '${folder}'; PATH='${folder}':$PATH`,
    out,
    `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}`,
    '_hero_aibroker; printf "%s\\n" "${COMPREPLY[@]}"',
  ]
  return (await runProcess('bash', ['--norc', '-c', script.join('\n')])).out.trim().split('\n')
}

/** Installs a command of our name that lists three models, one of them with a command substitution in its name. */
async function installCommand(folder: string): Promise<void> {
  const path = join(folder, 'hero_aibroker')
  await writeFile(path, "#!/bin/sh\nprintf '%s\\n' gpt-4o gpt-5 '$(touch owned)'\n")
  await chmod(path, 0o755)
}
