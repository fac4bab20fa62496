// Plain JavaScript that old Nodes can parse, so that their users get a helpful message instead of a syntax error.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const OLDEST = 24
const PLATFORM = `${process.platform}-${process.arch}`
/** npm packages that contain a Node binary. */
const NODE_PACKAGES = [`node-${PLATFORM}`, `node-bin-${PLATFORM}`, 'node']
const HOME = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Runs a program of this package, `cli/main` for example: from the sources in a clone, from `dist` in an installed
 * package; with this Node if it is new enough, else with one in `node_modules`.
 * @param {string} program
 * @param {string[]} args arguments that precede those of the command line
 */
export async function launch(program, ...args) {
  ignoreUserSignals()
  if (majorOf(process.versions.node) >= OLDEST) {
    process.argv.splice(2, 0, ...args)
    endWithLauncher()
    rememberCompiled()
    const source = join(HOME, 'src', `${program}.ts`)
    const script = existsSync(source) ? source : join(HOME, 'dist', `${program}.js`)
    return void (await import(pathToFileURL(script).href))
  }
  const node = findNode(HOME)
  if (node !== undefined) return runWith(node)
  console.error(
    `hero_aibroker needs Node ${OLDEST} or newer; this is ${process.version}.\n` +
      `Install one from https://nodejs.org, or only for this package:\n` +
      `  npm install --prefix ${HOME} --no-save ${NODE_PACKAGES[0]}@${OLDEST}`,
  )
  process.exitCode = 1
}

/**
 * Keeps compiled code for the next start, types stripped: measured 1.5 s → 0.6 s to ready from the sources, and 20 MiB
 * less memory. Inside the package rather than in the shared temp folder, where another user could plant code.
 */
function rememberCompiled() {
  module.enableCompileCache(join(HOME, 'node_modules', '.cache', 'hero-aibroker'))
}

/** @param {string} version */
function majorOf(version) {
  return Number(version.split('.')[0])
}

/**
 * The binary of a Node that is new enough, in `node_modules` here or further up.
 * @param {string} folder
 * @returns {string | undefined}
 */
function findNode(folder) {
  for (const name of NODE_PACKAGES) {
    const home = join(folder, 'node_modules', name)
    const binary = join(home, 'bin', 'node')
    if (existsSync(binary) && majorOf(versionIn(home)) >= OLDEST) return binary
  }
  const parent = dirname(folder)
  return parent === folder ? undefined : findNode(parent)
}

/** @param {string} home */
function versionIn(home) {
  return String(JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).version)
}

/** On SIGUSR1 Node would open its inspector to every user of this machine, and SIGUSR2 would end the program. */
function ignoreUserSignals() {
  for (const signal of ['SIGUSR1', 'SIGUSR2']) process.on(signal, () => {})
}

/**
 * Launches this program again with a newer Node. The channel between the two is never written to: it closes when the
 * launcher ends, however it ends.
 * @param {string} node
 */
function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
    // A terminal sends these to both processes; forwarded, they would arrive twice.
    const fromTerminal = (signal === 'SIGINT' || signal === 'SIGQUIT') && process.stdin.isTTY
    process.on(signal, () => fromTerminal || child.kill(signal))
  }
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** A program whose launcher was killed stops as on SIGTERM; without a launcher there is no channel. */
function endWithLauncher() {
  if (process.connected === undefined) return
  const end = () => process.kill(process.pid, 'SIGTERM')
  // The launcher may have ended before this line.
  if (!process.connected) end()
  else process.once('disconnect', end)
  process.channel?.unref()
}
