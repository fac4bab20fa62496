// Builds one executable file with Node and the package in it: `npm run build:single-file -- hero_aibroker`. The file runs on the system
// of this Node, with the C library that it needs, and without a Node on the machine.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { serialize } from 'node:v8'
import { brotliCompressSync, constants } from 'node:zlib'
import { megabytes } from './sizes.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** Reading these would need a copy of the types of every dependency; no program does. */
const LEFT_OUT = /\.(d\.[cm]?ts|map|md|markdown)$|\/(test|tests|docs|example|examples)\//
const QUALITY = 6

const LOADER = `const { pathToFileURL } = require('node:url')
exports.run = (path) => import(pathToFileURL(path).href)
exports.launch = async (program) => (await import('./node_modules/hero-aibroker/bin/launch.js')).launch(program)
`

const output = resolve(process.argv[2] ?? 'hero_aibroker')
const scratch = mkdtempSync(join(tmpdir(), 'hero_aibroker-single-file-'))
try {
  build()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

function build(): void {
  install()
  const files: (readonly [string, Buffer])[] = [['load.cjs', Buffer.from(LOADER)], ...filesIn('node_modules')]
  const bytes = serialize(files)
  const asset = write(
    'package',
    brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: QUALITY } }),
  )
  const id = write('id', createHash('sha256').update(bytes).digest('hex').slice(0, 16))
  const config = write(
    'sea.json',
    JSON.stringify({
      main: join(import.meta.dirname, 'single-file-main.cjs'),
      output,
      disableExperimentalSEAWarning: true,
      // On SIGUSR1 Node would open its inspector to every user of the machine.
      execArgv: ['--disable-sigusr1'],
      assets: { package: asset, id },
    }),
  )
  execFileSync(process.execPath, ['--build-sea', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  process.stdout.write(
    `${output}: ${megabytes(statSync(output).size)}, of which the package is ${megabytes(statSync(asset).size)} (${files.length} files)\n`,
  )
}

/** The package with the dependencies of its users, without the optional ones: those are Nodes. */
function install(): void {
  const flags = ['--prefix', scratch, '--omit=optional', '--prefer-offline', '--no-audit', '--no-fund']
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', scratch], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const [{ filename }] = JSON.parse(packed.slice(packed.lastIndexOf('\n[\n') + 1)) as [{ filename: string }]
  execFileSync('npm', ['install', ...flags, join(scratch, filename)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** Files of the installed package in the order of their names, so that the same package gives the same bytes. */
function filesIn(folder: string): (readonly [string, Buffer])[] {
  const names = readdirSync(join(scratch, folder), { withFileTypes: true })
  return names
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) return filesIn(path)
      if (!entry.isFile() || LEFT_OUT.test(path)) return []
      return [[path, readFileSync(join(scratch, path))] as const]
    })
}

function write(name: string, content: string | Buffer): string {
  const path = join(scratch, name)
  writeFileSync(path, content)
  return path
}
