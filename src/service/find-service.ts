import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { setTimeout as delay } from 'node:timers/promises'
import { BrokerError } from '../base/errors.ts'
import { findPaths, SOCKET_VARIABLES } from '../config/paths.ts'
import { isFileVariable } from '../config/secrets/secret-sources.ts'
import { SETTINGS } from '../config/setting-table.ts'
import { createSettings, type Environment } from '../config/settings.ts'
import { builtinManager } from './builtin/builtin.ts'
import {
  readDefinition,
  serviceFiles,
  type ServiceDefinition,
  type ServiceFiles,
} from './service-definition.ts'
import type { ServiceManager } from './service-manager.ts'
import { isSystemdRunning, systemdManager } from './systemd/systemd.ts'

/** The options of `service` that choose which service is meant and who manages it. */
export interface ServiceOptions {
  readonly root?: boolean | undefined
  readonly manager?: 'systemd' | 'builtin' | undefined
  /** Two services: a mother on loopback TCP, and the broker, which is her child. */
  readonly split?: boolean | undefined
  /** TCP port of the mother. */
  readonly motherPort?: number | undefined
}

/** One service of this host, installed or not, and its manager. */
export interface Service {
  readonly definition: ServiceDefinition
  readonly isInstalled: boolean
  /** The broker above the other one, of `--split`. */
  readonly isMother: boolean
  /** What the daemon finds in its environment, secrets left out. */
  readonly environment: Environment
  readonly files: ServiceFiles
  readonly manager: ServiceManager
  /** Variables with secrets that are set here and that a definition never holds. */
  readonly secrets: readonly string[]
  /** The file where the daemon looks for them. */
  readonly secretsFile: string
}

const NAME = 'hero_aibroker'
const MOTHER_NAME = 'hero_aibroker_root'
const MOTHER_ADDRESS = '127.0.0.1'
const MOTHER_PORT = 33_850
const PACKAGE = fileURLToPath(new URL('../../', import.meta.url))
const program = (name: string): string => join(PACKAGE, 'bin', `${name}.js`)

/** The services that the options mean, in the order in which they start: with `split` the mother and the broker, else the broker. */
export async function findServices(
  environment: Environment,
  options: ServiceOptions,
): Promise<readonly Service[]> {
  const broker = await findService(environment, options, { name: NAME, args: [], isMother: false })
  if (options.split !== true) return [broker]
  const port = `${options.motherPort ?? MOTHER_PORT}`
  const args = ['--mother', '--address', MOTHER_ADDRESS, '--port', port]
  const mother = { name: MOTHER_NAME, args, isMother: true }
  return [await findService(environmentOfMother(environment), options, mother), broker]
}

/** The same settings with folders of her own. Her own mothers are in her own database: in a shared one she would find herself. */
function environmentOfMother(environment: Environment): Environment {
  const { socketDir, dataDir } = findPaths(createSettings(environment), process.cwd())
  const sockets = join(socketDir, MOTHER_NAME)
  const others = SOCKET_VARIABLES.filter((name) => environment[name])
  return {
    ...environment,
    ...Object.fromEntries(others.map((name) => [name, sockets])),
    HERO_SOCKET_DIR: sockets,
    AIBROKER_DATA_DIR: `${dataDir}_root`,
    AIBROKER_SETTINGS: 'sqlite',
  }
}

type Role = Pick<ServiceDefinition, 'name' | 'args'> & Pick<Service, 'isMother'>

/** A service of the environment. Its manager is the one that installed it, else the best that answers. */
async function findService(environment: Environment, options: ServiceOptions, role: Role): Promise<Service> {
  const { name, args, isMother } = role
  const paths = findPaths(createSettings(environment), process.cwd())
  const files = serviceFiles(paths.dataDir, name)
  const installed = readDefinition(files)
  const scope = options.root === true ? 'system' : (installed?.scope ?? 'user')
  const definition: ServiceDefinition = installed ?? {
    name,
    manager: options.manager ?? ((await isSystemdRunning(scope)) ? 'systemd' : 'builtin'),
    scope,
    program: program('hero_aibroker_server'),
    args,
    environment: { ...settingsToKeep(environment), MODELS_CONFIG_PATH: paths.modelsConfigPath },
    // The folder of the sockets has the name of the program, whatever the service is called.
    rpcSocket: join(paths.socketDir, NAME, 'rpc.sock'),
  }
  if (scope === 'system' && process.getuid?.() !== 0)
    throw new BrokerError('forbidden', '--root installs a service of the whole machine; run it with sudo')
  return {
    definition,
    isInstalled: installed !== undefined,
    isMother,
    environment: { ...environment, ...definition.environment },
    files,
    manager: managerOf(definition, files, [paths.dataDir, paths.socketDir]),
    secrets: secretsIn(environment),
    secretsFile: join(paths.dataDir, '.env'),
  }
}

function managerOf(
  definition: ServiceDefinition,
  files: ServiceFiles,
  writable: readonly string[],
): ServiceManager {
  const { name, scope, rpcSocket } = definition
  const cli = program('hero_aibroker')
  if (definition.manager === 'builtin')
    return builtinManager({
      name,
      files,
      supervise: [process.execPath, cli, 'service', 'supervise', files.definition],
      wait: delay,
    })
  const folder = scope === 'system' ? '/etc/systemd/system' : join(homedir(), '.config', 'systemd', 'user')
  return systemdManager({
    name,
    files,
    scope,
    unitPath: join(folder, `${name}.service`),
    paths: {
      node: process.execPath,
      ready: [process.execPath, cli, '--socket', rpcSocket, 'health', '--wait', '20'],
      writable,
    },
  })
}

/** The home folder leads to the data, and MCP servers are found on the path. */
const INHERITED = ['HOME', 'PATH'] as const

/** The settings of this environment, with paths that hold in any folder; secrets and flags are left out. */
function settingsToKeep(environment: Environment): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of INHERITED) if (environment[name]) kept[name] = environment[name]
  for (const [name, path] of Object.entries(environment))
    if (isFileVariable(name) && path) kept[name] = resolve(path)
  for (const { variables, type } of SETTINGS) {
    if (type === 'secret') continue
    for (const name of variables) {
      const value = environment[name]?.trim()
      if (value !== undefined && value !== '' && !name.startsWith('--'))
        kept[name] = type === 'path' && !value.startsWith('~/') ? resolve(value) : value
    }
  }
  return kept
}

function secretsIn(environment: Environment): readonly string[] {
  const named: readonly string[] = SETTINGS.filter(({ type }) => type === 'secret').flatMap(
    ({ variables }) => variables,
  )
  return Object.keys(environment).filter((name) => /_API_KEYS?$/.test(name) || named.includes(name))
}
