// `hero_aibroker service restart --update` and `--rollback`: builds that npm installs from tarballs, and the real daemon in them.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MAIN, runProcess } from '../../support/run-cli.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const LIMIT = { timeout: 180_000 }
const DAEMON = join(import.meta.dirname, '..', '..', '..', 'bin', 'hero_aibroker_server.js')
/** A build that runs the daemon of this clone. */
const GOOD = `import ${JSON.stringify(DAEMON)}\n`
/** A build that can print its version and does nothing else. */
const BROKEN = `if (process.argv[2] === '--version') console.log('3.0.0')\nelse process.exit(7)\n`

function host() {
  const home = tempFolder()
  const environment = { HOME: home.path, AIBROKER_DETECT: 'off', AIBROKER_CATALOG: 'off' }
  const run = (...args: readonly string[]) => runProcess(process.execPath, [MAIN, ...args], { environment })
  const service = (name: string, ...args: readonly string[]) =>
    run('service', name, '--manager', 'builtin', ...args)
  const data = join(home.path, 'hero', 'var', 'hero_aibroker')
  return {
    data,
    run,
    service,
    /** A tarball of a package of that version. */
    pack(version: string, program: string, name = 'hero-aibroker'): string {
      const folder = join(home.path, `source-${version}`)
      mkdirSync(join(folder, 'bin'), { recursive: true })
      const description = { name, version, type: 'module', files: ['bin'] }
      writeFileSync(join(folder, 'package.json'), JSON.stringify(description))
      writeFileSync(join(folder, 'bin', 'hero_aibroker_server.js'), program)
      execFileSync('npm', ['pack', '--pack-destination', home.path], { cwd: folder, stdio: 'ignore' })
      return join(home.path, `${name}-${version}.tgz`)
    },
    /** The program that the service runs now: its path, and whether the process with its id runs it. */
    async program(): Promise<string> {
      const { pid } = JSON.parse((await service('status', '--json')).out) as { pid: number }
      const [, program = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      return program
    },
    async [Symbol.asyncDispose]() {
      await service('uninstall')
      home[Symbol.dispose]()
    },
  }
}

test('an update runs another build after a backup, and a rollback the one before', LIMIT, async () => {
  await using own = host()
  await own.service('start')
  expect(await own.program()).toBe(DAEMON)
  const updated = await own.service('restart', '--update', '--from', own.pack('2.0.0', GOOD))
  expect(updated).toMatchObject({ exit: 0 })
  expect(updated.out).toContain('hero_aibroker runs 2.0.0')
  expect(await own.program()).toContain('/service/builds/1/node_modules/hero-aibroker/')
  expect(readdirSync(join(own.data, 'backups'))).toHaveLength(1)
  expect((await own.run('chat', 'hello')).out).toContain('You said “hello”')
  expect(await own.service('restart', '--rollback')).toMatchObject({ exit: 0 })
  expect(await own.program()).toBe(DAEMON)
  // Forward again.
  expect(await own.service('restart', '--rollback')).toMatchObject({ exit: 0 })
  expect(await own.program()).toContain('/builds/1/')
  await own.service('uninstall')
  expect(existsSync(join(own.data, 'service'))).toBe(false)
})

test('a build that does not start is replaced by the one before, and the error says so', LIMIT, async () => {
  await using own = host()
  await own.service('start')
  const updated = await own.service('restart', '--update', '--from', own.pack('3.0.0', BROKEN))
  expect(updated.exit).toBe(1)
  expect(updated.err).toMatch(/the one before is in use again: .*exit code 7/)
  expect(await own.program()).toBe(DAEMON)
  expect((await own.run('health')).exit).toBe(0)
  expect(readdirSync(join(own.data, 'service', 'builds'))).toEqual([])
})

test(
  'what is no build of this package changes nothing, and without an update there is no rollback',
  LIMIT,
  async () => {
    await using own = host()
    await own.service('start')
    const before = await own.service('status', '--json')
    for (const from of [own.pack('4.0.0', GOOD, 'another-package'), '/no/such/build.tgz'])
      expect(await own.service('restart', '--update', '--from', from)).toMatchObject({
        exit: 2,
        err: expect.stringContaining('nothing was changed') as string,
      })
    expect(await own.service('restart', '--rollback')).toMatchObject({
      exit: 2,
      err: expect.stringContaining('has not been updated') as string,
    })
    expect(await own.service('status', '--json')).toEqual(before)
    expect(readdirSync(join(own.data, 'service', 'builds'))).toEqual([])
  },
)
