import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { BrokerError } from '../base/errors.ts'

const run = promisify(execFile)

const PACKAGE = 'hero-aibroker'
const NEWEST = `${PACKAGE}@latest`
/** A slow network installs some hundred megabytes. */
const INSTALL_MS = 15 * 60_000
const CHECK_MS = 60_000

/** An installed copy of this package beside others. */
export interface Build {
  readonly version: string
  /** Absolute path of the daemon's program. */
  readonly program: string
}

/**
 * Installs a build into a folder of its own in `folder`, from what npm accepts: a tarball, a name with a version; by default the
 * newest release. Its program must print its version before it counts. Throws `bad-request` with npm's words; then nothing is left.
 */
export async function installBuild(folder: string, from: string = NEWEST): Promise<Build> {
  const place = newPlace(folder)
  try {
    const flags = ['--prefix', place, '--no-audit', '--no-fund', '--loglevel=error']
    await run('npm', ['install', ...flags, from], { timeout: INSTALL_MS })
    const home = join(place, 'node_modules', PACKAGE)
    if (!existsSync(home)) throw new Error(`it is not the package ${PACKAGE}`)
    const program = join(home, 'bin', 'hero_aibroker_server.js')
    await run(process.execPath, [program, '--version'], { timeout: CHECK_MS })
    return { version: versionIn(home), program }
  } catch (cause) {
    rmSync(place, { recursive: true, force: true })
    throw new BrokerError(
      'bad-request',
      `${from} can’t be installed, and nothing was changed: ${reasonOf(cause)}`,
      {
        cause,
      },
    )
  }
}

/** Removes the builds that no program of `kept` is in. */
export function removeOtherBuilds(folder: string, kept: readonly string[]): void {
  const all = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
  for (const place of all)
    if (!kept.some((program) => program.startsWith(`${place}/`)))
      rmSync(place, { recursive: true, force: true })
}

/** Builds are numbered, so that two of one version do not share files. */
function newPlace(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const numbers = readdirSync(folder).map(Number).filter(Number.isInteger)
  const place = join(folder, String(Math.max(0, ...numbers) + 1))
  mkdirSync(place, { mode: 0o700 })
  return place
}

function versionIn(home: string): string {
  return String(
    (JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version?: unknown }).version,
  )
}

function reasonOf(cause: unknown): string {
  const output = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : ''
  return output === '' ? String(cause instanceof Error ? cause.message : cause) : output
}
