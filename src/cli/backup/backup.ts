import { resolve } from 'node:path'

import type { Command } from 'commander'

import { describeCommand, onceClientOf, type Cli, type Globals } from '../cli.ts'
import { formatBytes, plural } from '../terminal/format.ts'
import { whileBlocked } from '../terminal/progress.ts'
import { print, printJson } from '../terminal/terminal.ts'
import { ledgerText } from './ledger-sums.ts'

/** Loaded only when they are needed, because they bring the database with them. */
const loadWriter = () => import('../../offline/backup/write-backup.ts')
const loadFolders = () => import('../../offline/check-files.ts')

export function backupCommand(cli: Cli): Command {
  return describeCommand('backup', 'Write ledger, tokens and settings into one file; the broker may run', [
    'hero_aibroker backup /media/usb/2026-01-31.tar.gz',
    'hero_aibroker doctor --backup /media/usb/2026-01-31.tar.gz',
  ])
    .argument('<file>', 'a new file, readable by you alone')
    .action(async (file: string, _options: unknown, command: Command) => {
      const globals = command.optsWithGlobals<Globals>()
      const dataDir = await dataDirOf(cli, globals)
      const { writeBackup } = await loadWriter()
      const options = { dataDir, to: resolve(file), version: cli.version, now: cli.now() }
      const written = await whileBlocked(cli.terminal, `the databases in ${dataDir}`, () =>
        writeBackup(options),
      )
      if (globals.json) return printJson(cli.terminal, { data_dir: dataDir, ...written })
      const { bytes, manifest } = written
      print(
        cli.terminal,
        `${file}: ${plural(manifest.files.length, 'file')} of ${dataDir}, ${formatBytes(bytes)}`,
        ledgerText(cli.terminal, manifest),
        'It holds the keys of tokens and of the ledger: keep it private. Keys of providers (.env) are not in it.',
      )
    })
}

/** The folder of the broker that answers, else that of a broker with this environment. */
async function dataDirOf(cli: Cli, globals: Globals): Promise<string> {
  const info = await onceClientOf(cli, globals)
    .call('info')
    .catch(() => undefined)
  if (info !== undefined && info.data_dir !== '') return info.data_dir
  return (await loadFolders()).dataDirOf(cli.environment)
}
