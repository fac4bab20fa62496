import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockInstance } from '../../src/runtime/instance-lock.ts'
import { tempFolder, type TempFolder } from '../support/temp-folder.ts'

const HOLDER = join(import.meta.dirname, 'fixtures/lock-holder.ts')

interface Contender extends AsyncDisposable {
  readonly pid: number | undefined
  /** Its first output: `held`, or `refused` with the reason. */
  readonly words: Promise<string>
}

function contend(folder: string): Contender {
  const child = spawn(process.execPath, [HOLDER, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  return {
    pid: child.pid,
    words: once(child.stdout, 'data').then(([words]) => String(words)),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

let folder: TempFolder
beforeEach(() => (folder = tempFolder()))
afterEach(() => folder[Symbol.dispose]())

test('of six daemons that start at once exactly one gets the lock, and the others report its pid', async () => {
  await using stack = new AsyncDisposableStack()
  const contenders = Array.from({ length: 6 }, () => stack.use(contend(folder.path)))
  const words = await Promise.all(contenders.map((contender) => contender.words))
  const holders = contenders.filter((_, index) => words[index] === 'held\n')
  expect(holders).toHaveLength(1)
  const refusals = words.filter((word) => word !== 'held\n')
  for (const refusal of refusals)
    expect(refusal).toContain(`another hero_aibroker (pid ${holders[0]?.pid}) already serves`)
})

test('a refused daemon does not affect the first one', async () => {
  await using first = contend(folder.path)
  expect(await first.words).toBe('held\n')
  await using second = contend(folder.path)
  expect(await second.words).toMatch(/^refused/)
  await expect(lockInstance(folder.path)).rejects.toThrow(`pid ${first.pid}`)
})

test('a daemon can take the lock of a killed one', async () => {
  const first = contend(folder.path)
  expect(await first.words).toBe('held\n')
  await first[Symbol.asyncDispose]()
  await using second = contend(folder.path)
  expect(await second.words).toBe('held\n')
})

test('a file at the path of the lock that is no lock is reported and left unchanged', async () => {
  const path = join(folder.path, '.lock')
  const precious = 'not a lock, but a letter of more than a hundred bytes. '.repeat(4)
  writeFileSync(path, precious)
  await expect(lockInstance(folder.path)).rejects.toThrow(
    new RegExp(`cannot lock ${path}: .*HERO_SOCKET_DIR`),
  )
  expect(readFileSync(path, 'utf8')).toBe(precious)
})

test('a released lock can be taken again', async () => {
  const first = await lockInstance(folder.path)
  first.release()
  const second = await lockInstance(folder.path)
  await expect(lockInstance(folder.path)).rejects.toMatchObject({ code: 'cannot-start' })
  second.release()
})
