import { readFile, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import type { Params } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf, type Cli, type Globals } from '../cli.ts'
import { plural } from '../terminal/format.ts'
import { print, printJson } from '../terminal/terminal.ts'

export function settingsCommand(cli: Cli): Command {
  return describeCommand('settings', 'Bring mothers and priorities from one settings store to another', [
    'hero_aibroker settings export --out settings.json',
    'hero_aibroker settings import settings.json',
  ])
    .addCommand(exportCommand(cli))
    .addCommand(importCommand(cli))
}

function exportCommand(cli: Cli): Command {
  return describeCommand('export', 'Write mothers and priorities as JSON; stored tokens are left out', [
    'hero_aibroker settings export --out settings.json',
  ])
    .option('--out <file>', 'a file in place of the output')
    .action(async (_options: unknown, command: Command) => {
      const { out, ...globals } = command.optsWithGlobals<Globals & { readonly out?: string }>()
      const exported = await clientOf(cli, globals).call('settings.export')
      if (out === undefined) return printJson(cli.terminal, exported)
      await writeFile(out, `${JSON.stringify(exported, undefined, 2)}\n`, { mode: 0o600 })
      const { length } = exported.without_token
      print(cli.terminal, `${out}: settings of ${exported.location}`)
      if (length > 0) print(cli.terminal, `without the tokens of ${exported.without_token.join(', ')}`)
    })
}

function importCommand(cli: Cli): Command {
  return describeCommand('import', 'Store the mothers and priorities of an export', [
    'hero_aibroker settings import settings.json',
  ])
    .argument('<file>', 'as “settings export” wrote it')
    .action(async (file: string, _options: unknown, command: Command) => {
      const { mothers, priorities } = await readExport(file)
      const globals = globalsOf(command)
      const done = await clientOf(cli, globals).call('settings.import', { mothers, priorities })
      if (globals.json) return printJson(cli.terminal, done)
      const counts = `${plural(done.mothers, 'mother')}, priorities of ${plural(done.priorities, 'provider')}`
      print(cli.terminal, `${counts}; kept in ${done.location}`)
    })
}

async function readExport(file: string): Promise<Params<'settings.import'>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Params<'settings.import'>
  } catch (cause) {
    throw new BrokerError('bad-request', `${file} can’t be read as an export of settings`, { cause })
  }
}
