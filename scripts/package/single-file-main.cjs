// The program of the single executable file. Its asset holds the package, which is unpacked once into the user's cache: one that is
// there already was written whole, because it is moved into place. Called with a script of the package, it runs that script as Node
// would, for the daemon, the dashboard and the MCP servers are processes of their own.
const { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { homedir } = require('node:os')
const { basename, dirname, join } = require('node:path')
const { getAsset } = require('node:sea')
const { deserialize } = require('node:v8')
const { brotliDecompressSync } = require('node:zlib')

/** Programs by the name under which the file is called, as a link or as the first argument. */
const PROGRAMS = {
  hero_aibroker: 'cli/main',
  hero_aibroker_server: 'daemon/main',
  hero_aibroker_admin: 'dashboard/main',
  hero_aibroker_services: 'mcp-host/main',
}

const id = Buffer.from(getAsset('id')).toString()
const [, called = '', ...args] = process.argv
// A process that the package starts gets the flags of Node before the script, and perhaps another environment.
const at = args.findIndex((word) => !word.startsWith('--'))
const script = args[at]?.includes(`/hero-aibroker/${id}/node_modules/`) ? args[at] : undefined
if (script !== undefined) {
  process.argv = [process.execPath, script, ...args.slice(at + 1)]
  loaderIn(script.slice(0, script.indexOf('/node_modules/'))).run(script)
} else {
  const isNamed = Object.hasOwn(PROGRAMS, args[0] ?? '')
  const program = PROGRAMS[isNamed ? args[0] : basename(called)] ?? PROGRAMS.hero_aibroker
  process.argv = [process.execPath, called, ...(isNamed ? args.slice(1) : args)]
  loaderIn(unpacked()).launch(program)
}

function loaderIn(home) {
  refuseForeign(dirname(home))
  return createRequire(join(home, 'load.cjs'))('./load.cjs')
}

/** The folder of the package, which is made when it is not there. */
function unpacked() {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hero-aibroker')
  const home = join(cache, id)
  if (!existsSync(home)) unpack(cache, home)
  return home
}

function unpack(cache, home) {
  mkdirSync(cache, { recursive: true, mode: 0o700 })
  const scratch = mkdtempSync(join(cache, '.unpacking-'))
  const files = deserialize(brotliDecompressSync(Buffer.from(getAsset('package'))))
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(scratch, path)), { recursive: true, mode: 0o700 })
    writeFileSync(join(scratch, path), bytes)
  }
  try {
    renameSync(scratch, home)
  } catch (error) {
    // Another process was faster.
    rmSync(scratch, { recursive: true, force: true })
    if (!existsSync(home)) throw error
  }
}

/** Another user who can write the cache could plant code there. */
function refuseForeign(cache) {
  const { uid, mode } = statSync(cache)
  if (uid === process.getuid() && (mode & 0o022) === 0) return
  console.error(`${cache} must be yours and writable by you alone; set XDG_CACHE_HOME to another folder`)
  process.exit(1)
}
