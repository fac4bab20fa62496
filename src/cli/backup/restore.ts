import { resolve } from 'node:path'

import type { Command } from 'commander'

import { describeCommand, type Cli, type Globals } from '../cli.ts'
import { whileBlocked } from '../terminal/progress.ts'
import { print, printJson } from '../terminal/terminal.ts'
import { ledgerText } from './ledger-sums.ts'

interface Options extends Globals {
  readonly to?: string | undefined
}

/** Loaded only when they are needed, because they bring the database with them. */
const loadReader = () => import('../../offline/backup/read-backup.ts')
const loadFolders = () => import('../../offline/check-files.ts')

export function restoreCommand(cli: Cli): Command {
  return describeCommand('restore', 'Put a backup into a data folder that has no ledger yet', [
    'hero_aibroker restore /media/usb/2026-01-31.tar.gz',
    'hero_aibroker restore 2026-01-31.tar.gz --to /srv/broker/data',
  ])
    .argument('<file>', 'as “hero_aibroker backup” wrote it')
    .option('--to <folder>', 'the data folder (default: that of a broker with this environment)')
    .action(async (file: string, _options: unknown, command: Command) => {
      const { to, json } = command.optsWithGlobals<Options>()
      const dataDir = to === undefined ? (await loadFolders()).dataDirOf(cli.environment) : resolve(to)
      const { restoreBackup } = await loadReader()
      const manifest = await whileBlocked(cli.terminal, `the backup ${file}`, () =>
        restoreBackup(file, dataDir),
      )
      if (json) return printJson(cli.terminal, { data_dir: dataDir, manifest })
      const names = manifest.files.map(({ name }) => name).join(', ')
      print(cli.terminal, `restored ${names} into ${dataDir}`, ledgerText(cli.terminal, manifest))
    })
}
