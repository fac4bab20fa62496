// Packs the package, installs it globally from the tarball in an empty prefix, and uses it as a person would, with each Node that is
// named: `npm run check:package -- /usr/bin/node`. Ends with the first thing that does not work; else prints sizes.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { assert, print } from './checks.ts'
import { installedBytes, megabytes } from './sizes.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const TRIES = 600
const POLL_MS = 50

interface Packed {
  readonly filename: string
  readonly size: number
  readonly unpackedSize: number
  readonly entryCount: number
}

const scratch = mkdtempSync(join(tmpdir(), 'hero_aibroker-package-'))
try {
  await checkPackage()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

async function checkPackage(): Promise<void> {
  const packed = pack()
  const prefix = join(scratch, 'prefix')
  const tarball = join(scratch, packed.filename)
  run('npm', ['install', '--global', '--prefix', prefix, '--prefer-offline', tarball], process.env)
  for (const name of ['hero_aibroker.1', 'hero_aibroker_server.1'])
    assert(existsSync(join(prefix, 'share', 'man', 'man1', name)), `the man page ${name} is not installed`)
  run('bash', ['-n', join(prefix, 'lib/node_modules/hero-aibroker/dist/completions/bash/hero_aibroker')], {})
  for (const node of [process.execPath, ...process.argv.slice(2)]) await checkPrograms(prefix, node)
  print('tarball', `${megabytes(packed.size)} in ${packed.entryCount} files`)
  print('unpacked', megabytes(packed.unpackedSize))
  print('installed', `${megabytes(installedBytes(join(prefix, 'lib')))} with all dependencies and a Node`)
}

/** Without the tests' own build of the dashboard: `prepack` makes everything again. */
function pack(): Packed {
  const text = run('npm', ['pack', '--json', '--pack-destination', scratch], process.env)
  // The scripts that build the package print before it.
  const [packed] = JSON.parse(text.slice(text.lastIndexOf('\n[\n') + 1)) as [Packed]
  return packed
}

/** Starts the installed daemon with a Node that is first on the path, chats, and stops it. */
async function checkPrograms(prefix: string, node: string): Promise<void> {
  const home = mkdtempSync(join(scratch, 'home-'))
  const path = [join(prefix, 'bin'), dirname(node), '/usr/bin', '/bin'].join(delimiter)
  const env = { HOME: home, PATH: path, AIBROKER_DETECT: 'off', AIBROKER_CATALOG: 'off' }
  const cli = (...args: readonly string[]): string => run(join(prefix, 'bin', 'hero_aibroker'), args, env)
  const version = run(node, ['--version'], env).trim()
  print(`Node ${version}`, `hero_aibroker ${cli('--version').trim()}`)
  const startedAt = performance.now()
  const daemon = spawn(join(prefix, 'bin', 'hero_aibroker_server'), { env, cwd: home, stdio: 'ignore' })
  const ended = new Promise<number | null>((resolve) => daemon.once('close', resolve))
  try {
    await waitForSockets(join(home, 'hero', 'var', 'sockets', 'hero_aibroker'))
    cli('health', '--wait', '30')
    print(`Node ${version}`, `the daemon answers after ${Math.round(performance.now() - startedAt)} ms`)
    assert(cli('chat', 'hello').includes('You said “hello”'), 'the built-in echo does not answer')
    assert(cli('ledger', 'verify').includes('intact'), 'the ledger does not verify')
  } finally {
    daemon.kill('SIGTERM')
  }
  assert((await ended) === 0, 'the daemon does not stop with exit code 0')
}

async function waitForSockets(folder: string): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (existsSync(folder) && readdirSync(folder).includes('rpc.sock')) return
    await delay(POLL_MS)
  }
  throw new Error(`the daemon opens no socket in ${folder}`)
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): string {
  return execFileSync(program, args, {
    cwd: ROOT,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}
