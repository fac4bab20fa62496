import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { methods } from '../../../src/wire/rpc/methods.ts'
import { exampleHandlers } from '../../support/rpc-handlers.ts'
import { MAIN } from '../../support/run-cli.ts'
import { event, HEAD, says, startScriptedBroker } from '../../support/scripted-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const { totals, refused } = methods['usage.summary'].example.result
const RESULT = { totals, models: [], refused }

/** Starts the command line with standard input as an open pipe. */
function start(argv: readonly string[]) {
  const env = { PATH: process.env['PATH'], HOME: '/nowhere' }
  const child = spawn(process.execPath, [MAIN, ...argv], { env })
  let [out, err] = ['', '']
  child.stdout.on('data', (text) => (out += String(text)))
  child.stderr.on('data', (text) => (err += String(text)))
  const ended = once(child, 'close').then(([code]) => ({ code, out, err }))
  return {
    child,
    ended,
    /** Resolves with standard error when it has this text. */
    says: async (text: string) => {
      while (!err.includes(text)) await once(child.stderr, 'data')
      return err
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}

describe('a command that waits says after a second for what', () => {
  test('for the end of a pipe that stays open', async () => {
    await using broker = await startScriptedBroker(says('Fine'))
    using cli = start(['chat', '--socket', broker.path])
    await cli.says('hero_aibroker: waiting for the end of standard input')
    cli.child.stdin.end('hello')
    expect(await cli.ended).toMatchObject({ code: 0, out: 'Fine\n' })
  })

  test('for a named pipe given as a file', async () => {
    using temp = tempFolder()
    const path = join(temp.path, 'pipe')
    spawnSync('mkfifo', [path])
    await using broker = await startScriptedBroker(says('Fine'))
    using cli = start(['chat', 'hello', '--file', path, '--socket', broker.path])
    cli.child.stdin.end()
    await cli.says(`waiting for the end of ${path}`)
    spawnSync('sh', ['-c', `echo text > ${path}`])
    expect(await cli.ended).toMatchObject({ code: 0, out: 'Fine\n' })
  })

  test('for a broker that accepts the connection and says nothing', async () => {
    using temp = tempFolder()
    const path = join(temp.path, 'rpc.sock')
    const mute = createServer(() => undefined).listen(path)
    await once(mute, 'listening')
    for (const command of ['models', 'health', 'doctor']) {
      using cli = start([command, '--socket', temp.path])
      const line = `hero_aibroker: waiting for the broker at ${path}\n`
      expect(await cli.says(line)).toBe(line)
    }
    mute.close()
  })

  test('for a slow result, once, and prints it afterwards', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const summary = async () => {
      await promise
      return structuredClone(RESULT)
    }
    const handlers = { ...exampleHandlers, 'usage.summary': summary }
    await using broker = await startScriptedBroker(says(), { handlers })
    using cli = start(['usage', '--json', '--socket', broker.path])
    await cli.says('waiting for the broker')
    resolve()
    const { code, out, err } = await cli.ended
    expect([code, err.match(/waiting/g)?.length]).toEqual([0, 1])
    expect(JSON.parse(out)).toEqual(RESULT)
  })

  test('for a stream that falls silent', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    await using broker = await startScriptedBroker(async (_request, response) => {
      response.write(event({ ...HEAD, choices: [{ index: 0, delta: { content: 'Well' } }] }))
      await promise
      response.end('data: [DONE]\n\n')
    })
    using cli = start(['chat', 'hello', '--socket', broker.path])
    cli.child.stdin.end()
    await cli.says('waiting for the broker')
    resolve()
    expect((await cli.ended).out).toBe('Well\n')
  })

  test('for a database that another program has locked', async () => {
    using temp = tempFolder()
    const path = join(temp.path, 'requests.db')
    const holder = new DatabaseSync(path)
    holder.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x); PRAGMA locking_mode = EXCLUSIVE')
    holder.exec('BEGIN EXCLUSIVE; INSERT INTO t VALUES (1); COMMIT')
    using cli = start(['ledger', 'verify', '--file', path])
    const line = `hero_aibroker: waiting for the database ${path}\n`
    expect(await cli.says(line)).toBe(line)
    holder.close()
    await cli.ended
  })
})

test('a command that need not wait says nothing', async () => {
  await using broker = await startScriptedBroker(says('Fine'))
  using cli = start(['chat', 'hello', '--socket', broker.path])
  cli.child.stdin.end()
  expect(await cli.ended).toEqual({ code: 0, out: 'Fine\n', err: '' })
})
