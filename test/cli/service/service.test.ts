// `hero_aibroker service` with the built-in supervisor: real processes, as on a host without a service manager.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MAIN, runProcess } from '../../support/run-cli.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const LIMIT = { timeout: 120_000 }

interface Status {
  readonly state: string
  readonly installed: boolean
  readonly manager: string
  readonly pid?: number
  readonly restarts?: number
  readonly lastExit?: string
}

/** A host of its own: a home folder, and nothing in the environment but what the test sets. */
function host(environment: Readonly<Record<string, string>> = {}) {
  const home = tempFolder()
  const env = { HOME: home.path, AIBROKER_DETECT: 'off', AIBROKER_CATALOG: 'off', ...environment }
  const run = (...args: readonly string[]) =>
    runProcess(process.execPath, [MAIN, ...args], { environment: env })
  const service = (...args: readonly string[]) =>
    run('service', args[0] ?? '', '--manager', 'builtin', ...args.slice(1))
  const status = async () =>
    JSON.parse((await run('service', 'status', '--manager', 'builtin', '--json')).out) as Status
  return {
    folder: home.path,
    run,
    service,
    status,
    async [Symbol.asyncDispose]() {
      await run('service', 'uninstall', '--manager', 'builtin')
      home[Symbol.dispose]()
    },
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test(
  'a service starts, comes back after kill -9 of the daemon, stops, and leaves no process',
  LIMIT,
  async () => {
    await using own = host()
    const started = await own.service('start')
    expect(started).toMatchObject({
      exit: 0,
      out: expect.stringContaining('running  hero_aibroker') as string,
    })
    const before = await own.status()
    expect(before).toMatchObject({ state: 'running', installed: true, manager: 'builtin', restarts: 0 })
    process.kill(before.pid ?? 0, 'SIGKILL')
    const killedAt = performance.now()
    await expect.poll(async () => (await own.run('health')).exit, { timeout: 20_000 }).toBe(0)
    expect(performance.now() - killedAt).toBeLessThan(20_000)
    const after = await own.status()
    expect(after).toMatchObject({ state: 'running', restarts: 1, lastExit: 'SIGKILL' })
    expect(after.pid).not.toBe(before.pid)
    expect((await own.run('chat', 'hello')).out).toContain('You said “hello”')
    expect((await own.service('stop')).exit).toBe(0)
    expect(isAlive(after.pid ?? 0)).toBe(false)
    expect(await own.status()).toMatchObject({ state: 'stopped' })
  },
)

test('uninstall stops the service and leaves the data, and nothing of the service', LIMIT, async () => {
  await using own = host()
  await own.service('start')
  const { pid } = await own.status()
  const folder = join(own.folder, 'hero', 'var', 'hero_aibroker')
  expect(existsSync(join(folder, 'service'))).toBe(true)
  expect((await own.service('uninstall')).out).toContain('Its data stays in')
  expect(isAlive(pid ?? 0)).toBe(false)
  expect(existsSync(join(folder, 'service'))).toBe(false)
  expect(existsSync(join(folder, 'requests.db'))).toBe(true)
})

test('restart replaces the daemon and counts as no failure; the log holds both runs', LIMIT, async () => {
  await using own = host()
  await own.service('start')
  const before = await own.status()
  expect((await own.service('restart')).exit).toBe(0)
  const after = await own.status()
  expect(after).toMatchObject({ state: 'running', restarts: 0 })
  expect(after.pid).not.toBe(before.pid)
  const log = (await own.service('logs', '-n', '500')).out
  expect(log.match(/rest\.sock/g)?.length).toBeGreaterThanOrEqual(2)
})

test('a supervisor that is killed takes the daemon with it, and a new start works', LIMIT, async () => {
  await using own = host()
  await own.service('start')
  const { pid = 0 } = await own.status()
  process.kill(parentOf(pid), 'SIGKILL')
  await expect.poll(() => isAlive(pid)).toBe(false)
  expect(await own.status()).toMatchObject({ state: 'stopped' })
  expect(await own.service('start')).toMatchObject({ exit: 0 })
  expect(await own.status()).toMatchObject({ state: 'running' })
})

test('two starts at once leave one supervisor and one daemon', LIMIT, async () => {
  await using own = host()
  await own.service('install')
  const [one, two] = await Promise.all([own.service('start'), own.service('start')])
  expect([one.exit, two.exit]).toEqual([0, 0])
  const { pid } = await own.status()
  expect(one.out).toContain(`pid ${pid}`)
  expect(two.out).toContain(`pid ${pid}`)
})

test('a definition keeps settings and flags, is private, and holds no secret', LIMIT, async () => {
  await using own = host({ OPENAI_API_KEY: 'sk-very-secret', ROUTING_STRATEGY: 'best' })
  const installed = await own.service('install', '--', '--workers', '2')
  expect(installed.out).toContain('OPENAI_API_KEY is set here and not copied')
  const path = join(own.folder, 'hero', 'var', 'hero_aibroker', 'service', 'hero_aibroker.json')
  const text = readFileSync(path, 'utf8')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(JSON.parse(text)).toMatchObject({
    args: ['--workers', '2'],
    environment: { ROUTING_STRATEGY: 'best', HOME: own.folder },
  })
  expect(text).not.toContain('sk-very-secret')
})

test('a daemon that cannot start is reported with its last end and where the log is', LIMIT, async () => {
  await using own = host()
  await own.service('install', '--', '--workers', 'many')
  const started = await own.service('start')
  expect(started.exit).toBe(1)
  expect(started.err).toMatch(/does not answer at .*rpc\.sock.*its last end: exit code \d.*service logs/)
  expect((await own.service('logs')).out).toContain('many')
})

test('what is not installed is said so, with the command that installs it', LIMIT, async () => {
  await using own = host()
  expect((await own.service('status')).out).toContain('not installed; run: hero_aibroker service start')
  expect(await own.service('stop')).toMatchObject({ exit: 5 })
  expect(await own.service('uninstall')).toMatchObject({ exit: 0 })
})

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}
