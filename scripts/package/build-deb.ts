// Builds a Debian package around the single executable file: `npm run build:deb -- hero_aibroker FOLDER`. The same file gives the same
// bytes: times are those of SOURCE_DATE_EPOCH, else of the last commit.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { installedBytes, megabytes } from './sizes.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SOURCE = join(ROOT, 'packaging', 'debian')
const LINKS = ['hero_aibroker_server', 'hero_aibroker_admin', 'hero_aibroker_services']
const SCRIPTS = ['postinst', 'prerm']
const COMPLETIONS = {
  'bash/hero_aibroker': 'usr/share/bash-completion/completions/hero_aibroker',
  'zsh/_hero_aibroker': 'usr/share/zsh/vendor-completions/_hero_aibroker',
  'fish/hero_aibroker.fish': 'usr/share/fish/vendor_completions.d/hero_aibroker.fish',
}
/** Debian's names of processors. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

const [, , executable = 'hero_aibroker', folder = '.'] = process.argv
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
const architecture = ARCHITECTURES[process.arch] ?? process.arch
const scratch = mkdtempSync(join(tmpdir(), 'hero-aibroker-deb-'))
try {
  chmodSync(scratch, 0o755)
  fill()
  const output = join(resolve(folder), `hero-aibroker_${version}_${architecture}.deb`)
  const env = { ...process.env, SOURCE_DATE_EPOCH: epoch() }
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '-z1', '--build', scratch, output], {
    env,
    stdio: 'ignore',
  })
  process.stdout.write(`${output}: ${megabytes(statSync(output).size)}\n`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

function fill(): void {
  install(executable, 'usr/bin/hero_aibroker', 0o755)
  for (const name of LINKS) symlinkSync('hero_aibroker', join(scratch, 'usr/bin', name))
  install(join(SOURCE, 'hero-aibroker.service'), 'usr/lib/systemd/system/hero-aibroker.service')
  install(join(SOURCE, 'default'), 'etc/default/hero-aibroker', 0o640)
  install(join(ROOT, 'LICENSE'), 'usr/share/doc/hero-aibroker/copyright')
  for (const page of readdirSync(join(ROOT, 'dist', 'man')))
    write(
      `usr/share/man/man1/${page}.gz`,
      gzipSync(readFileSync(join(ROOT, 'dist', 'man', page)), { level: 9 }),
    )
  for (const [from, to] of Object.entries(COMPLETIONS)) install(join(ROOT, 'dist', 'completions', from), to)
  const size = String(Math.ceil(installedBytes(scratch) / 1024))
  const control = readFileSync(join(SOURCE, 'control'), 'utf8')
  const values = { VERSION: version, ARCHITECTURE: architecture, SIZE: size }
  write(
    'DEBIAN/control',
    control.replace(/@(\w+)@/g, (_, name) => values[name as keyof typeof values]),
  )
  install(join(SOURCE, 'conffiles'), 'DEBIAN/conffiles')
  for (const name of SCRIPTS) install(join(SOURCE, name), `DEBIAN/${name}`, 0o755)
}

function install(from: string, to: string, mode = 0o644): void {
  makeFolder(to)
  copyFileSync(from, join(scratch, to))
  chmodSync(join(scratch, to), mode)
}

function write(to: string, content: string | Buffer): void {
  makeFolder(to)
  writeFileSync(join(scratch, to), content, { mode: 0o644 })
}

function makeFolder(path: string): void {
  mkdirSync(dirname(join(scratch, path)), { recursive: true, mode: 0o755 })
}

function epoch(): string {
  const set = process.env['SOURCE_DATE_EPOCH']
  return set ?? execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' }).trim()
}
