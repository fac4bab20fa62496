import { dirname } from 'node:path'

import { BrokerError } from '../../base/errors.ts'
import { removeFiles } from '../../service/service-definition.ts'
import type { Service } from '../../service/find-service.ts'
import type { ServiceStatus } from '../../service/service-manager.ts'
import type { Cli } from '../cli.ts'
import { waitForHealth } from '../status/health.ts'
import { paint, print } from '../terminal/terminal.ts'

const START_SECONDS = 30
/** A daemon that ended this often without ever answering needs its operator. */
const HOPELESS_RESTARTS = 3

export function alreadyInstalled({ definition, files, isMother }: Service): BrokerError {
  return new BrokerError(
    'bad-request',
    `${definition.name} is installed already (${files.definition}); to change it, run first: hero_aibroker service uninstall${flagsOf({ isMother })}`,
  )
}

export async function install({ terminal }: Cli, target: Service): Promise<void> {
  const { definition, manager, secrets, secretsFile } = target
  const hints = await manager.install(definition)
  print(terminal, `Installed ${definition.name} (${manager.name}).`, ...hints)
  if (secrets.length > 0)
    print(
      terminal,
      `${secrets.join(', ')} ${secrets.length === 1 ? 'is' : 'are'} set here and not copied: the service reads secrets from ${secretsFile} (mode 600).`,
    )
}

export async function uninstall({ terminal }: Cli, target: Service): Promise<void> {
  if (!target.isInstalled) return print(terminal, `${target.definition.name} is not installed.`)
  await target.manager.uninstall()
  removeFiles(target.files)
  print(terminal, `Removed ${target.definition.name}. Its data stays in ${dirname(target.secretsFile)}.`)
}

export async function start(cli: Cli, target: Service): Promise<void> {
  if (!target.isInstalled) await install(cli, target)
  await target.manager.start()
  await reportReady(cli, target)
}

export async function restart(cli: Cli, target: Service): Promise<void> {
  throwIfAbsent(target)
  await target.manager.restart()
  await reportReady(cli, target)
}

export async function stop({ terminal }: Cli, target: Service): Promise<void> {
  throwIfAbsent(target)
  await target.manager.stop()
  print(terminal, `${target.definition.name} is stopped.`)
}

/** Waits until the daemon answers, and says so. Throws `cannot-start` with the place of the log when it does not. */
export async function reportReady(cli: Cli, target: Service): Promise<void> {
  const { definition, manager } = target
  const { restarts: before = 0 } = await manager.status()
  const hasFailed = async (): Promise<boolean> => {
    const { state, restarts = 0 } = await manager.status()
    return state === 'stopped' || restarts - before >= HOPELESS_RESTARTS
  }
  const health = await waitForHealth(cli, { socket: definition.rpcSocket }, START_SECONDS, hasFailed)
  if (health !== undefined) {
    const { pid } = await manager.status()
    return print(
      cli.terminal,
      `${paint(cli.terminal, 'green', 'running')}  ${definition.name} ${health.version}, pid ${pid}, run by ${manager.name}`,
    )
  }
  const { lastExit } = await manager.status()
  const ending = lastExit === undefined ? '' : ` (its last end: ${lastExit})`
  throw new BrokerError(
    'cannot-start',
    `${definition.name} does not answer at ${definition.rpcSocket}${ending}; see: hero_aibroker service logs`,
  )
}

/** How a service stands, as `service status --json` prints it. */
export async function statusOf({ definition, manager, isInstalled }: Service) {
  const status: ServiceStatus = isInstalled ? await manager.status() : { state: 'stopped' }
  return { name: definition.name, installed: isInstalled, manager: manager.name, ...status }
}

export async function showStatus({ terminal }: Cli, target: Service): Promise<void> {
  const { definition, manager, isInstalled } = target
  if (!isInstalled)
    return print(terminal, `${definition.name} is not installed; run: ${startCommand(target)}`)
  const status = await statusOf(target)
  const color = { running: 'green', waiting: 'yellow', stopped: 'dim' } as const
  print(
    terminal,
    `${paint(terminal, color[status.state], status.state)}  ${describe(definition.name, manager.name, status)}`,
  )
}

function describe(name: string, manager: string, { pid, restarts = 0, lastExit }: ServiceStatus): string {
  return [
    name,
    ...(pid === undefined ? [] : [`pid ${pid}`]),
    `run by ${manager}`,
    ...(restarts === 0 ? [] : [`restarted ${restarts} ${restarts === 1 ? 'time' : 'times'}`]),
    ...(lastExit === undefined ? [] : [`its last end: ${lastExit}`]),
  ].join(', ')
}

export function throwIfAbsent(target: Service): void {
  if (!target.isInstalled)
    throw new BrokerError(
      'not-found',
      `${target.definition.name} is not installed; run: ${startCommand(target)}`,
    )
}

function startCommand(service: Pick<Service, 'isMother'>): string {
  return `hero_aibroker service start${flagsOf(service)}`
}

function flagsOf({ isMother }: Pick<Service, 'isMother'>): string {
  return isMother ? ' --split' : ''
}
