import type { Command } from 'commander'

import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { UNKNOWN, plural } from '../terminal/format.ts'
import { printTable } from '../terminal/table.ts'
import { paint, print, printJson, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

type Settings = Result<'config.get'>['settings']

export function configCommand(cli: Cli): Command {
  return describeCommand('config', 'Show the settings in effect and the source of each', [
    'hero_aibroker config',
    'hero_aibroker config reload',
  ])
    .action(async (_options: unknown, command: Command) => {
      const globals = globalsOf(command)
      const config = await clientOf(cli, globals).call('config.get')
      if (globals.json) return printJson(cli.terminal, config)
      printSettings(cli.terminal, config.settings)
    })
    .addCommand(reloadCommand(cli))
}

function reloadCommand(cli: Cli): Command {
  return describeCommand('reload', 'Reload the models file, and the keys from their sources', [
    'hero_aibroker config reload',
  ])
    .option('--force', 'accept a file that lost all or most of what it had')
    .action(async (_options: unknown, command: Command) => {
      const { force, ...globals } = command.optsWithGlobals<Globals & { readonly force?: boolean }>()
      const done = await clientOf(cli, globals).call('config.reload', force === true ? { force } : {})
      if (globals.json) return printJson(cli.terminal, done)
      const { models, providers, keys, path } = done
      const counts = [plural(models, 'model'), plural(providers, 'provider'), plural(keys, 'key')].join(', ')
      print(cli.terminal, `${counts}; models from ${withoutControls(path)}`)
      for (const name of done.needs_restart ?? [])
        print(
          cli.terminal,
          `${paint(cli.terminal, 'yellow', '!')} ${name} changed; the old value stays in effect until the broker is restarted`,
        )
    })
}

const SOURCES: Readonly<Record<Settings[number]['source'], string>> = {
  environment: 'environment',
  credentials: 'credential',
  'secrets-file': '.env',
  'file-variable': 'file',
  'keys-command': 'command',
  flag: 'flag',
  default: '',
}

/** Lists the settings that were set before those that have their default. */
function printSettings(terminal: Terminal, settings: Settings): void {
  const sorted = settings.toSorted((a, b) => Number(a.source === 'default') - Number(b.source === 'default'))
  const rows = sorted.map(({ name, value, source, variable }) => [
    name,
    value === undefined ? UNKNOWN : withoutControls(String(value)),
    SOURCES[source],
    variable ?? '',
  ])
  const columns = [
    { title: 'SETTING' },
    { title: 'IS', shrinks: true },
    { title: 'FROM' },
    { title: 'VARIABLE' },
  ]
  printTable(terminal, columns, rows, (at) => sorted[at]?.source === 'default')
}
