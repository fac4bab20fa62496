// Runs the single executable file in an empty root folder, which has the C library and nothing else: no Node, no shell. Needs root for
// `chroot`. `npm run build:single-file -- /tmp/hero_aibroker && npm run check:single-file -- /tmp/hero_aibroker`
import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { assert, print } from './checks.ts'

const TRIES = 1200
const POLL_MS = 50
const file = resolve(process.argv[2] ?? 'hero_aibroker')
const root = mkdtempSync(join(tmpdir(), 'hero_aibroker-root-'))
// The path is for chroot: in the empty root there is nothing on it.
const env = { PATH: '/usr/sbin:/sbin', HOME: '/home', AIBROKER_DETECT: 'off', AIBROKER_CATALOG: 'off' }
const WORKERS = ['1', '2']

try {
  for (const folder of ['bin', 'home', 'tmp', 'etc', 'dev']) mkdirSync(join(root, folder))
  // As every system has it; without it no process can be started with streams that are ignored.
  execFileSync('mknod', ['-m', '666', join(root, 'dev', 'null'), 'c', '1', '3'])
  copyFileSync(file, join(root, 'bin', 'hero_aibroker'))
  for (const library of librariesOf(file)) copyInto(root, library)
  print('files', `${filesOf(root)} beside the executable, all of the C library`)
  print('version', cli('--version').trim())
  for (const workers of WORKERS) await checkDaemon(workers)
} finally {
  rmSync(root, { recursive: true, force: true })
}

async function checkDaemon(workers: string): Promise<void> {
  const startedAt = performance.now()
  const args = [root, '/bin/hero_aibroker', 'hero_aibroker_server', '--workers', workers]
  const daemon = spawn('chroot', args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise<number | null>((done) => daemon.once('close', done))
  try {
    const socket = join(root, 'home/hero/var/sockets/hero_aibroker/rpc.sock')
    for (let tries = 0; tries < TRIES && !existsSync(socket); tries++) await delay(POLL_MS)
    cli('health', '--wait', '60')
    print(
      `${workers} process(es)`,
      `the daemon answers after ${Math.round(performance.now() - startedAt)} ms`,
    )
    assert(cli('chat', 'hello').includes('You said “hello”'), 'the built-in echo does not answer')
    assert(cli('usage').includes('total'), 'usage shows no request')
    assert(cli('ledger', 'verify').includes('intact'), 'the ledger does not verify')
  } finally {
    daemon.kill('SIGTERM')
  }
  assert((await ended) === 0, 'the daemon does not stop with exit code 0')
}

function cli(...args: readonly string[]): string {
  return execFileSync('chroot', [root, '/bin/hero_aibroker', ...args], { env, encoding: 'utf8' })
}

/** Source: ldd(1). */
function librariesOf(program: string): readonly string[] {
  return [...execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)].map(
    ([, path = '']) => path,
  )
}

function copyInto(folder: string, path: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  copyFileSync(path, join(folder, path))
}

function filesOf(folder: string): number {
  return (
    Number(execFileSync('sh', ['-c', 'find "$1" -type f | wc -l', 'sh', folder], { encoding: 'utf8' })) - 1
  )
}
