import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'

import { InvalidArgumentError, Option, type Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import { runSupervisor } from '../../service/builtin/run-supervisor.ts'
import { findService, type Service, type ServiceOptions } from '../../service/find-service.ts'
import { readDefinition, removeFiles, serviceFiles } from '../../service/service-definition.ts'
import type { ServiceStatus } from '../../service/service-manager.ts'
import { describeCommand, type Cli, type Globals } from '../cli.ts'
import { waitForHealth } from '../status/health.ts'
import { paint, print, printJson } from '../terminal/terminal.ts'

type Options = Globals & ServiceOptions

const START_SECONDS = 30
/** A daemon that ended this often without ever answering needs its operator. */
const HOPELESS_RESTARTS = 3

export function serviceCommand(cli: Cli): Command {
  return describeCommand('service', 'Run the broker as a service of this host', [
    'hero_aibroker service start',
    'hero_aibroker service install -- --workers 2',
    'hero_aibroker service logs --follow',
  ])
    .addCommand(installCommand(cli))
    .addCommand(simpleCommand(cli, 'uninstall', 'Stop the service and remove it; its data stays', uninstall))
    .addCommand(simpleCommand(cli, 'start', 'Start the service; installs it before the first start', start))
    .addCommand(simpleCommand(cli, 'stop', 'Stop the service; open requests may finish', stop))
    .addCommand(
      simpleCommand(cli, 'restart', 'Restart the service, with the newest code and settings', restart),
    )
    .addCommand(simpleCommand(cli, 'status', 'Show whether the service runs, and what runs it', showStatus))
    .addCommand(logsCommand(cli))
    .addCommand(superviseCommand(cli), { hidden: true })
}

type Action = (cli: Cli, target: Service, options: Options) => Promise<void>

function simpleCommand(cli: Cli, name: string, summary: string, action: Action): Command {
  return withScope(describeCommand(name, summary, [`hero_aibroker service ${name}`])).action(
    async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      await action(cli, await findService(cli.environment, options), options)
    },
  )
}

function withScope(command: Command): Command {
  return command
    .option('--root', 'a service of the whole machine rather than of this user')
    .addOption(
      new Option('--manager <name>', 'what runs the service (default: systemd when it answers)').choices([
        'systemd',
        'builtin',
      ]),
    )
}

function installCommand(cli: Cli): Command {
  return withScope(
    describeCommand('install', 'Make the broker a service, with the settings of this shell', [
      'hero_aibroker service install',
      'hero_aibroker service install -- --address 127.0.0.1 --port 33850',
    ]),
  )
    .argument('[flags...]', 'flags of hero_aibroker_server, after --')
    .action(async (flags: readonly string[], _options: unknown, command: Command) => {
      const target = await findService(cli.environment, command.optsWithGlobals<Options>())
      if (target.isInstalled) throw alreadyInstalled(target)
      await install(cli, { ...target, definition: { ...target.definition, args: [...flags] } })
    })
}

function alreadyInstalled({ definition, files }: Service): BrokerError {
  return new BrokerError(
    'bad-request',
    `${definition.name} is installed already (${files.definition}); to change it, run first: hero_aibroker service uninstall`,
  )
}

async function install({ terminal }: Cli, target: Service): Promise<void> {
  const { definition, manager, secrets, secretsFile } = target
  const hints = await manager.install(definition)
  print(terminal, `Installed ${definition.name} (${manager.name}).`, ...hints)
  if (secrets.length > 0)
    print(
      terminal,
      `${secrets.join(', ')} ${secrets.length === 1 ? 'is' : 'are'} set here and not copied: the service reads secrets from ${secretsFile} (mode 600).`,
    )
}

async function uninstall({ terminal }: Cli, target: Service): Promise<void> {
  if (!target.isInstalled) return print(terminal, `${target.definition.name} is not installed.`)
  await target.manager.uninstall()
  removeFiles(target.files)
  print(terminal, `Removed ${target.definition.name}. Its data stays in ${dirname(target.secretsFile)}.`)
}

async function start(cli: Cli, target: Service): Promise<void> {
  if (!target.isInstalled) await install(cli, target)
  await target.manager.start()
  await reportReady(cli, target)
}

async function restart(cli: Cli, target: Service): Promise<void> {
  throwIfAbsent(target)
  await target.manager.restart()
  await reportReady(cli, target)
}

async function stop({ terminal }: Cli, target: Service): Promise<void> {
  throwIfAbsent(target)
  await target.manager.stop()
  print(terminal, `${target.definition.name} is stopped.`)
}

/** Waits until the daemon answers, and says so. Throws `cannot-start` with the place of the log when it does not. */
async function reportReady(cli: Cli, target: Service): Promise<void> {
  const { definition, manager } = target
  const hasFailed = async (): Promise<boolean> => {
    const { state, restarts = 0 } = await manager.status()
    return state === 'stopped' || restarts >= HOPELESS_RESTARTS
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

async function showStatus({ terminal }: Cli, target: Service, { json }: Options): Promise<void> {
  const { definition, manager, isInstalled } = target
  const status: ServiceStatus = isInstalled ? await manager.status() : { state: 'stopped' }
  if (json)
    return printJson(terminal, {
      name: definition.name,
      installed: isInstalled,
      manager: manager.name,
      ...status,
    })
  if (!isInstalled)
    return print(terminal, `${definition.name} is not installed; run: hero_aibroker service start`)
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

function logsCommand(cli: Cli): Command {
  return withScope(
    describeCommand('logs', 'Show the log of the service, also from before its last start', [
      'hero_aibroker service logs --follow',
    ]),
  )
    .addOption(
      new Option('-n, --lines <count>', 'how many of the last lines to show')
        .argParser(lineCount)
        .default(50),
    )
    .option('-f, --follow', 'follow the log, until Ctrl-C')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options & { lines: number; follow?: boolean }>()
      const target = await findService(cli.environment, options)
      throwIfAbsent(target)
      if (target.manager.name === 'builtin' && !existsSync(target.files.log))
        return print(cli.terminal, `${target.definition.name} has not been started yet.`)
      const [program, ...args] = target.manager.logCommand(options.lines, options.follow === true)
      await once(spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] }), 'close')
    })
}

function lineCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Use a whole number from 1 to 999999.')
}

function throwIfAbsent({ isInstalled, definition }: Service): void {
  if (!isInstalled)
    throw new BrokerError(
      'not-found',
      `${definition.name} is not installed; run: hero_aibroker service start`,
    )
}

/** The process that the built-in manager starts: not for people. */
function superviseCommand(_cli: Cli): Command {
  return describeCommand('supervise', 'Supervise the daemon of a definition in this process', [])
    .argument('<definition>', 'the file that `service install` has written')
    .action(async (path: string) => {
      const name = path.replace(/^.*\//, '').replace(/\.json$/, '')
      const files = serviceFiles(dirname(dirname(path)), name)
      const definition = readDefinition(files)
      if (definition === undefined) throw new BrokerError('not-found', `${path} does not exist`)
      await runSupervisor(definition, files)
    })
}
