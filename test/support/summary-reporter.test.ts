import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'

test.each([
  ['all tests pass', ['passing'], 'Tests: 1 passed, 0 failed, 0 skipped', 0],
  ['a setup hook fails', ['mixed'], 'Tests: 1 passed, 2 failed, 2 skipped', 1],
  ['a file cannot be loaded', ['unloadable', 'passing'], 'Tests: 1 passed, 1 failed, 0 skipped', 1],
  ['an error belongs to no test', ['stray'], 'Tests: 1 passed, 1 failed, 0 skipped', 1],
  ['there are no tests', ['absent'], 'Tests: 0 passed, 0 failed, 0 skipped', 1],
])('the summary line is correct when %s', async (_case, files, summary, exit) => {
  const ran = await runFixtures(files)
  expect(ran.stdout.trimEnd().split('\n').at(-1)).toBe(summary)
  expect(ran.exit).toBe(exit)
})

async function runFixtures(files: readonly string[]): Promise<{ stdout: string; exit: unknown }> {
  const fixtures = join(import.meta.dirname, 'fixtures')
  const vitest = join(import.meta.dirname, '..', '..', 'node_modules', 'vitest', 'vitest.mjs')
  const { VITEST: _, ...env } = process.env
  const child = spawn(
    process.execPath,
    [
      vitest,
      'run',
      '--config',
      join(fixtures, 'vitest.config.ts'),
      ...files.map((name) => `${name}.fixture`),
    ],
    { cwd: fixtures, env, stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const [stdout, [exit]] = await Promise.all([text(child.stdout), once(child, 'close')])
  return { stdout, exit }
}
