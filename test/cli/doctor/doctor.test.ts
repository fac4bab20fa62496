import { createServer } from 'node:net'
import { once } from 'node:events'
import { chmod, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { methods } from '../../../src/wire/rpc/methods.ts'
import { startInProcessDaemon } from '../../support/in-process-daemon.ts'
import { exampleHandlers } from '../../support/rpc-handlers.ts'
import { MAIN, runInProcess, runProcess } from '../../support/run-cli.ts'
import { says, startScriptedBroker } from '../../support/scripted-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const info = methods.info.example.result

test('a fresh broker passes all checks, and the doctor names the missing key', async () => {
  await using broker = await startInProcessDaemon()
  const { exit, out } = await runInProcess(['doctor', '--ask'], broker)
  expect(out).toMatch(/✓ .*rpc\.sock responds in/)
  expect(out).toMatch(/✓ .*rest\.sock responds in/)
  expect(out).toContain('! only the built-in echo is available\n  for real models set OPENROUTER_API_KEY')
  expect(out).toContain('✓ sockets and data are not accessible to other users')
  expect(out).toMatch(/ free for \S+hero_aibroker$/m)
  expect(out).toMatch(/✓ auto responds to a chat request in/)
  expect(exit).toBe(0)
})

test('without a broker the doctor names the sockets, suggests a start, and exits with 7', async () => {
  const { exit, out, err } = await runInProcess(['doctor'])
  expect(out).toContain('✗ no broker answers at /nowhere/hero/var/sockets/hero_aibroker/rpc.sock')
  expect(out).toContain('there is no socket: start a broker with “npm start”')
  expect({ exit, err }).toEqual({ exit: 7, err: 'hero_aibroker: 2 checks failed\n' })
})

test('the stale socket of a dead broker is distinguished from a missing one', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'rpc.sock')
  const server = createServer()
  await once(server.listen(path), 'listening')
  // A killed process leaves its socket file, but a server that closes removes it, so it is moved away meanwhile.
  await rename(path, `${path}.kept`)
  server.close()
  await rename(`${path}.kept`, path)
  const { out } = await runInProcess(['doctor', '--socket', path])
  expect(out).toContain('the socket of a broker that no longer runs')
})

test('the socket of another user is distinguished from a missing one', async () => {
  using folder = tempFolder()
  await chmod(folder.path, 0o755)
  const path = join(folder.path, 'rpc.sock')
  const server = createServer()
  await once(server.listen(path), 'listening')
  await chmod(path, 0)
  // Root may open every socket.
  const asOther = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups'] : []
  const [command, ...argv] = [...asOther, process.execPath, MAIN, 'health', '--socket', path]
  const { exit, err } = await runProcess(command, argv)
  server.close()
  expect(err).toBe(`hero_aibroker: this user may not open ${path}; it belongs to another user\n`)
  expect(exit).toBe(3)
})

test('doubtful findings are shown with advice and exit with 0', async () => {
  const doubtful = {
    ...info,
    providers: [{ ...info.providers[0], state: 'cooling' as const }],
    models_config: { ...info.models_config, problems: ['row 7: no price'] },
    warnings: ['clocks differ'],
  }
  const handlers = { ...exampleHandlers, info: async () => doubtful as never }
  await using broker = await startScriptedBroker(says(), { handlers })
  const { exit, out } = await runInProcess(['doctor', '--socket', broker.path])
  expect(exit).toBe(0)
  expect(out).toContain('! Groq: cooling, 2 keys, 9 models')
  expect(out).toContain('row 7: no price\n  correct the file')
  expect(out).toContain('! clocks differ')
  expect(out).toContain('! the broker has version 0.1.0, this command line 0.0.0\n  restart the broker')
})

test('--json prints the list of findings', async () => {
  await using broker = await startScriptedBroker(says('yes'))
  const { out } = await runInProcess(['doctor', '--json', '--socket', broker.path])
  expect(JSON.parse(out)).toContainEqual({
    state: 'good',
    what: 'Groq: ready, 2 keys, 9 models, reached directly',
  })
})

test('a file or socket that other users could open is a bad finding, and --mend fixes its permissions', async () => {
  await using broker = await startInProcessDaemon()
  const dataDir = join(broker.folder, 'v', 'hero_aibroker')
  const secrets = join(dataDir, '.env')
  await writeFile(secrets, 'GROQ_API_KEY=secret', { mode: 0o644 })
  await chmod(broker.daemon.sockets.rest, 0o666)
  await chmod(dataDir, 0o755)
  const before = await runInProcess(['doctor'], broker)
  expect(before.exit).toBe(7)
  expect(before.out).toContain(`✗ ${secrets} is open (644): other users of this machine may read the keys`)
  expect(before.out).toContain(`chmod 664 ${broker.daemon.sockets.rest}`)

  const fixed = await runInProcess(['doctor', '--mend'], broker)
  expect(fixed.exit).toBe(0)
  expect(fixed.out).toContain(`✓ fixed: ${secrets} is open`)
  const modes = await Promise.all(
    [secrets, dataDir, broker.daemon.sockets.rest].map(async (path) => (await stat(path)).mode & 0o777),
  )
  expect(modes).toEqual([0o600, 0o700, 0o664])
  expect((await runInProcess(['doctor'], broker)).out).toContain(
    '✓ sockets and data are not accessible to other users',
  )
})

const GOOD_KEY = { key: 1, ok: true, ms: 182, models: 19 }

test.each([
  ['all keys work', [GOOD_KEY, { ...GOOD_KEY, key: 2 }], 0, '✓ Groq is reachable with 2 keys in 182 ms'],
  [
    'one is refused',
    [GOOD_KEY, { key: 2, ok: false, ms: 9, error: 'Invalid API Key', status: 401 }],
    0,
    '! Groq: key 2: Invalid API Key\n  remove the key',
  ],
  [
    'it can’t be reached',
    [{ key: 1, ok: false, ms: 9, error: 'Groq can’t be reached' }],
    7,
    '✗ Groq: key 1: Groq can’t be reached\n  check that this machine is online',
  ],
  [
    'the clocks agree',
    [{ ...GOOD_KEY, clock_ahead_s: -3 }],
    0,
    '✓ the clock agrees with those of the providers',
  ],
  [
    'the clock is wrong',
    [{ ...GOOD_KEY, clock_ahead_s: 7200 }],
    7,
    '✗ the clock of this machine is 2 h 0 min ahead\n  set it',
  ],
])('a provider is tested with each key: %s', async (_, keys, exit, shows) => {
  const testKeys = async () => ({ provider: 'groq', ok: keys.every(({ ok }) => ok), keys })
  const handlers = { ...exampleHandlers, 'providers.test': testKeys }
  await using broker = await startScriptedBroker(says(), { handlers })
  const run = await runInProcess(['doctor', '--socket', broker.path])
  expect(run.out).toContain(shows)
  expect(run.exit).toBe(exit)
})

test('without the role to test the keys the other checks still run', async () => {
  await using broker = await startScriptedBroker(says(), { roleOf: () => 'caller' })
  const { exit, out } = await runInProcess(['doctor', '--socket', broker.path])
  expect(out).toContain('! Groq was not tested: this needs the role “admin”')
  expect(exit).toBe(0)
})
