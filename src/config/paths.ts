import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { homeFolder } from '../base/host/home-folder.ts'
import type { Settings } from './settings.ts'

/** Names of the socket folder's variable, newest first: Hero renamed it twice in 2026. */
export const SOCKET_VARIABLES: readonly string[] = ['PATH_SOCKETS', 'PATH_SOCKET', 'HERO_SOCKET_DIR']
/** Node retries endlessly when creating a folder there fails. */
const KERNEL = /^\/(proc|sys)(\/|$)/
const MODELS_FILE = 'modelsconfig.yml'

/** Absolute paths of files and folders. */
export interface Paths {
  readonly socketDir: string
  readonly dataDir: string
  readonly modelsConfigPath: string
  readonly mcpConfigPath: string | undefined
  readonly heroDbSocket: string
}

/**
 * Determines files and folders by Hero's layout. Creates nothing, and only checks whether the models file exists.
 * Throws `bad-request` where a path depends on a home folder and there is none.
 */
export function findPaths(settings: Settings, cwd: string): Paths {
  const home = (): string =>
    homeFolder(
      settings.text('HOME'),
      homedir,
      'name the folders: HERO_SOCKET_DIR and AIBROKER_DATA_DIR, or PATH_VAR for both',
    )
  const pathIn = (name: string): string | undefined => {
    const path = settings.text(name)
    return path === undefined ? undefined : resolve(cwd, path.replace(/^~(?=\/|$)/, home))
  }
  const varDir = (): string => pathIn('PATH_VAR') ?? join(pathIn('PATH_ROOT') ?? join(home(), 'hero'), 'var')
  const notAFolder = (path: string): string => {
    if (KERNEL.test(path))
      settings.addError(
        'PATH_VAR',
        `(or what stands for it) leads to ${path}, which is the kernel’s; name a folder on a disk`,
      )
    return path
  }
  const socketDir =
    SOCKET_VARIABLES.map(pathIn).find((path) => path !== undefined) ?? join(varDir(), 'sockets')
  return {
    socketDir: notAFolder(socketDir),
    dataDir: notAFolder(pathIn('AIBROKER_DATA_DIR') ?? join(varDir(), 'hero_aibroker')),
    modelsConfigPath: pathIn('MODELS_CONFIG_PATH') ?? modelsFileAt(cwd),
    mcpConfigPath: pathIn('MCP_CONFIG_PATH'),
    heroDbSocket: pathIn('HERO_AIBROKER_DB_SOCKET') ?? join(socketDir, 'hero_db', 'rpc.sock'),
  }
}

/** The models file in the working directory, else the one in this package. */
function modelsFileAt(cwd: string): string {
  const own = join(cwd, MODELS_FILE)
  return existsSync(own) ? own : fileURLToPath(new URL(`../../${MODELS_FILE}`, import.meta.url))
}
