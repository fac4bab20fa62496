import { realpathSync } from 'node:fs'
import { basename, delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How a server is reached; only a program that the broker starts has a `command`. */
type Address =
  | { readonly type: 'http' | 'sse' }
  | {
      readonly type: 'stdio'
      readonly command: string
      readonly args: readonly string[]
      readonly env: Readonly<Record<string, string>>
      readonly cwd: string | undefined
    }

/** The folder of this package's programs, from `src/` and from `dist/` alike. */
const BIN = fileURLToPath(new URL('../../../bin/', import.meta.url))

/** The names of the MCP servers of this package, as its `bin` has them. */
const OWN_NAME = /^mcp_[a-z0-9]+$/

/** The programs of this package that act in the name of their callers. */
export const ACTS_FOR_CALLERS: ReadonlySet<string> = new Set(['mcp_hero'])

/**
 * The name of the program of this package that the broker starts at `address`; `undefined` for anything else: a URL, a foreign
 * program, and a program of ours behind a shell or another wrapper. Files are compared, not names.
 */
export function ownProgramAt(
  address: Address,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (address.type !== 'stdio') return undefined
  const { command, args, env, cwd = process.cwd() } = address
  if (/^node(?:\.exe)?$/.test(basename(command))) return ownProgramIn(realPath(resolve(cwd, args[0] ?? '')))
  if (/[/\\]/.test(command)) return ownProgramIn(realPath(resolve(cwd, command)))
  if (ownScript(command) !== undefined) return command
  return ownProgramIn(onSearchPath(command, env['PATH'] ?? environment['PATH'] ?? ''))
}

/**
 * The script of a program of this package with this bare name; `undefined` for any other command. A bare name of ours stands for
 * the program in this package: from a clone, and in containers and services without the package's `bin` in PATH, the name alone
 * would not be found.
 */
export function ownScript(command: string): string | undefined {
  return OWN_NAME.test(command) ? realPath(join(BIN, `${command}.js`)) : undefined
}

function onSearchPath(name: string, searchPath: string): string | undefined {
  const folders = searchPath.split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => realPath(join(folder, name))).find((path) => path !== undefined)
}

function ownProgramIn(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  const name = basename(file, '.js')
  return file === ownScript(name) ? name : undefined
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
