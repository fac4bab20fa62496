import { BrokerError } from '../../base/errors.ts'
import type { Service } from '../../service/find-service.ts'
import type { Cli } from '../cli.ts'
import { confirm } from '../terminal/confirm.ts'
import { plural } from '../terminal/format.ts'
import { print } from '../terminal/terminal.ts'

/** Loaded only when it is needed, because it brings the database with it. */
const loadReset = () => import('../../offline/reset-settings.ts')

/**
 * Removes what was set at run time of services that are stopped, after saying what it is and asking. Throws `stopping` when
 * the person does not agree; then nothing has changed.
 */
export async function resetServices(cli: Cli, services: readonly Service[], agreed: boolean): Promise<void> {
  const { settingsToReset, resetSettings } = await loadReset()
  for (const { definition, environment } of services) {
    const { location, mothers, priorities, tokens } = await settingsToReset(environment)
    print(
      cli.terminal,
      `--reset removes of ${definition.name}:`,
      `  ${listed('mother', mothers)} and ${listed('priority override', priorities)} in ${location}`,
      `  the API tokens in ${tokens ?? 'apikeys.db, which does not exist'}`,
      '  Nothing else: the ledger, limits, keys and files stay.',
    )
  }
  if (!agreed && !(await confirm(cli.terminal, 'Remove them?')))
    throw new BrokerError('stopping', 'nothing was removed; the service is stopped')
  for (const { environment } of services) await resetSettings(environment)
}

function listed(noun: string, names: readonly string[]): string {
  const count = plural(names.length, noun)
  return names.length === 0 ? count : `${count} (${names.join(', ')})`
}
