import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'

import { InvalidArgumentError, Option, type Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import { runSupervisor } from '../../service/builtin/run-supervisor.ts'
import { findServices, type Service, type ServiceOptions } from '../../service/find-service.ts'
import { readDefinition, serviceFiles } from '../../service/service-definition.ts'
import { describeCommand, type Cli, type Globals } from '../cli.ts'
import { print, printJson } from '../terminal/terminal.ts'
import { resetServices } from './reset.ts'
import {
  alreadyInstalled,
  install,
  restart,
  showStatus,
  start,
  statusOf,
  stop,
  throwIfAbsent,
  uninstall,
} from './service-actions.ts'
import { registerMother } from './split.ts'
import { rollBack, update } from './update.ts'

type Options = Globals & ServiceOptions

export function serviceCommand(cli: Cli): Command {
  return describeCommand('service', 'Run the broker as a service of this host', [
    'hero_aibroker service start',
    'hero_aibroker service install -- --workers 2',
    'hero_aibroker service logs --follow',
  ])
    .addCommand(installCommand(cli))
    .addCommand(simpleCommand(cli, UNINSTALL, uninstall))
    .addCommand(startCommand(cli))
    .addCommand(simpleCommand(cli, STOP, stop))
    .addCommand(restartCommand(cli))
    .addCommand(statusCommand(cli))
    .addCommand(logsCommand(cli))
    .addCommand(superviseCommand(cli), { hidden: true })
}

type Action = (cli: Cli, target: Service) => Promise<void>

interface Description {
  readonly name: string
  readonly summary: string
  /** Acts on the child before her mother. */
  readonly isBackwards?: boolean
}

const UNINSTALL = {
  name: 'uninstall',
  summary: 'Stop the service and remove it; its data stays',
  isBackwards: true,
}
const STOP = { name: 'stop', summary: 'Stop the service; open requests may finish', isBackwards: true }

/** A command that acts on each service that the options mean. */
function simpleCommand(cli: Cli, { name, summary, isBackwards }: Description, action: Action): Command {
  return withScope(describeCommand(name, summary, [`hero_aibroker service ${name}`])).action(
    async (_options: unknown, command: Command) => {
      const services = await findServices(cli.environment, command.optsWithGlobals<Options>())
      for (const target of isBackwards === true ? services.toReversed() : services) await action(cli, target)
    },
  )
}

interface StartOptions extends Options {
  readonly reset?: boolean | undefined
  readonly yes?: boolean | undefined
  readonly update?: boolean | undefined
  readonly from?: string | undefined
  readonly rollback?: boolean | undefined
}

function withStartOptions(command: Command): Command {
  return withScope(command)
    .option('--reset', 'first remove mothers, priority overrides and API tokens, and nothing else')
    .option('-y, --yes', 'agree to what --reset removes')
    .option('--update', 'install the newest build beside the present one, back up, and run it')
    .option('--from <package>', 'what --update installs, as npm takes it: a tarball, hero-aibroker@1.2.3')
    .option('--rollback', 'run the build before the last update')
}

function startCommand(cli: Cli): Command {
  const command = describeCommand('start', 'Start the service; installs it before the first start', [
    'hero_aibroker service start',
    'hero_aibroker service start --split',
    'hero_aibroker service start --update --reset',
  ])
  return withStartOptions(command).action(async (_options: unknown, itself: Command) => {
    const options = itself.optsWithGlobals<StartOptions>()
    const services = await findServices(cli.environment, options)
    if (options.reset === true) await stopAndReset(cli, services, options)
    for (const target of services) await start(cli, target)
    await changeBuild(cli, options)
    await connectSplit(cli, services)
  })
}

function restartCommand(cli: Cli): Command {
  const command = describeCommand('restart', 'Restart the service, with the newest code and settings', [
    'hero_aibroker service restart',
    'hero_aibroker service restart --update --from ./hero-aibroker-1.2.3.tgz',
    'hero_aibroker service restart --rollback',
  ])
  return withStartOptions(command).action(async (_options: unknown, itself: Command) => {
    const options = itself.optsWithGlobals<StartOptions>()
    const services = await findServices(cli.environment, options)
    services.forEach(throwIfAbsent)
    if (options.reset === true) await stopAndReset(cli, services, options)
    const changesBuild = options.update === true || options.rollback === true
    if (!changesBuild) for (const target of services) await restart(cli, target)
    await changeBuild(cli, options)
    await connectSplit(cli, services)
  })
}

/** The services are looked up again: the start may have installed them. */
async function changeBuild(cli: Cli, options: StartOptions): Promise<void> {
  for (const target of await findServices(cli.environment, options))
    if (options.rollback === true) await rollBack(cli, target)
    else if (options.update === true) await update(cli, target, options.from)
}

async function stopAndReset(cli: Cli, services: readonly Service[], { yes }: StartOptions): Promise<void> {
  for (const { isInstalled, manager } of services.toReversed()) if (isInstalled) await manager.stop()
  await resetServices(cli, services, yes === true)
}

async function connectSplit(cli: Cli, services: readonly Service[]): Promise<void> {
  const [mother, child] = services
  if (mother !== undefined && child !== undefined) await registerMother(cli, mother, child)
}

function statusCommand(cli: Cli): Command {
  const command = describeCommand('status', 'Show whether the service runs, and what runs it', [
    'hero_aibroker service status',
    'hero_aibroker service status --split --json',
  ])
  return withScope(command).action(async (_options: unknown, itself: Command) => {
    const options = itself.optsWithGlobals<Options>()
    const services = await findServices(cli.environment, options)
    if (!options.json) for (const target of services) await showStatus(cli, target)
    else {
      const all = await Promise.all(services.map(statusOf))
      printJson(cli.terminal, options.split === true ? all : all[0])
    }
  })
}

function withScope(command: Command): Command {
  return command
    .option('--root', 'a service of the whole machine rather than of this user')
    .option('--split', 'also hero_aibroker_root: a mother on loopback TCP, with folders of her own')
    .addOption(
      new Option('--mother-port <port>', 'the TCP port of the mother (default: 33850)').argParser(port),
    )
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
      const services = await findServices(cli.environment, command.optsWithGlobals<Options>())
      const installed = services.find(({ isInstalled }) => isInstalled)
      if (installed !== undefined) throw alreadyInstalled(installed)
      for (const target of services) {
        const { definition } = target
        await install(cli, { ...target, definition: { ...definition, args: [...definition.args, ...flags] } })
      }
    })
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
      const [target] = await findServices(cli.environment, options)
      if (target === undefined) return
      throwIfAbsent(target)
      if (target.manager.name === 'builtin' && !existsSync(target.files.log))
        return print(cli.terminal, `${target.definition.name} has not been started yet.`)
      const [program, ...args] = target.manager.logCommand(options.lines, options.follow === true)
      await once(spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] }), 'close')
    })
}

function port(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= 1 && number <= 65_535) return number
  throw new InvalidArgumentError('Use a number from 1 to 65535, such as 33850.')
}

function lineCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Use a whole number from 1 to 999999.')
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
