import type { Cli } from '../cli.ts'
import { plural } from '../terminal/format.ts'
import { whileBlocked } from '../terminal/progress.ts'
import { print, printJson, withoutControls } from '../terminal/terminal.ts'
import type { Finding } from './finding.ts'

/** Loaded only when they are needed, because they bring the database with them. */
const loadChecks = () => import('../../offline/check-files.ts')
const loadSalvage = () => import('../../offline/salvage-file.ts')

/** Checks the databases in the data folder, by default in that of a broker with this environment. */
export async function checkDatabases(
  { environment, terminal }: Cli,
  dataDir?: string,
): Promise<readonly Finding[]> {
  const { checkDatabases: check, dataDirOf } = await loadChecks()
  const folder = dataDir ?? dataDirOf(environment)
  const checks = await whileBlocked(terminal, `the databases in ${folder}`, () => check(folder))
  return checks.map(({ path, findings, isReadable }) => {
    if (findings.length === 0) return { state: 'good', what: `${path} passes a quick check` }
    const more = findings.length === 1 ? '' : `, and ${plural(findings.length - 1, 'more finding')}`
    return {
      state: 'bad',
      what: `${path}: ${findings[0] ?? ''}${more}`,
      advice: isReadable
        ? `“hero_aibroker ledger verify --file ${path}” lists everything that is not as it was written`
        : `stop the broker and write what can be read into a new file: hero_aibroker doctor --salvage ${path}`,
    }
  })
}

/** Writes what can be read of a database into a new file; the old one is not changed. */
export async function salvageDatabase(
  { terminal }: Cli,
  { from, to, json }: { from: string; to: string; json: boolean },
): Promise<void> {
  const { salvageFile } = await loadSalvage()
  const { tables, isRebuilt } = await whileBlocked(terminal, `what can be read of ${from}`, () =>
    salvageFile(from, to),
  )
  if (json) return printJson(terminal, { from, to, rebuilt: isRebuilt, tables })
  for (const { table, copied, refused, error } of tables) {
    const lost = [
      ...(refused > 0 ? [`${plural(refused, 'damaged row')} left out`] : []),
      ...(error === undefined ? [] : [`not all could be read (${error})`]),
    ]
    if (copied > 0 || lost.length > 0)
      print(
        terminal,
        withoutControls(`${table}: ${plural(copied, 'row')}${lost.map((text) => `, ${text}`).join('')}`),
      )
  }
  if (isRebuilt)
    print(
      terminal,
      'The rows have new numbers and hashes, and earlier anchors do not fit; totals of lost rows are kept.',
    )
  return print(
    terminal,
    `${from} was not changed. To use the new file, stop the broker, move ${from}, ${from}-wal and ${from}-shm away, and rename ${to}.`,
  )
}
