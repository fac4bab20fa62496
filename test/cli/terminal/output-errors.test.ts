import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MAIN } from '../../support/run-cli.ts'
import { tempFolder } from '../../support/temp-folder.ts'

/** Runs the command line in a shell, so that it can be redirected and limited. */
function shell(before: string, args: string, redirect: string) {
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', `${before} exec "$0" "$1" ${args} ${redirect}`, process.execPath, MAIN],
    {
      encoding: 'utf8',
    },
  )
  return { exit: status, err: stderr }
}

describe('a command whose output can’t be written', () => {
  test.each([['--help'], ['completion bash'], ['models --help'], ['--version']])(
    '%s says so on a full disk',
    (args) => {
      expect(shell('', args, '> /dev/full')).toEqual({
        exit: 1,
        err: 'hero_aibroker: the output can’t be written: ENOSPC: no space left on device, write\n',
      })
    },
  )

  test('says so when only a part of its last text fits', () => {
    using folder = tempFolder()
    const path = join(folder.path, 'out')
    // The system takes the part of a write that is below the limit, as a file system does that becomes full.
    const { exit, err } = shell('ulimit -f 1;', 'completion bash', `> ${path}`)
    expect(readFileSync(path).length).toBeGreaterThan(0)
    expect({ exit, err }).toMatchObject({
      exit: 1,
      err: expect.stringContaining('can’t be written: EFBIG') as string,
    })
  })

  test('keeps the exit code of an error that can’t be printed', () => {
    expect(shell('', 'no-such-command', '2> /dev/full').exit).toBe(2)
  })

  test('succeeds when its reader closes the pipe early', () => {
    const { exit, err } = shell('', 'completion bash', '| head -c 1 > /dev/null')
    expect({ exit, err }).toEqual({ exit: 0, err: '' })
  })
})
