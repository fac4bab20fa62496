import type { Mothers } from '../../../../cascade/mothers/mothers.ts'
import { recordOf } from '../../../../cascade/mothers/mother.ts'
import type { ProviderPriorities } from '../../../../store/settings/provider-priorities.ts'
import type { HandlersOf } from '../../calls/handler-types.ts'

export interface SettingsFacts {
  readonly mothers: Mothers
  readonly priorities: ProviderPriorities
  readonly settingsStore: {
    /** Where the settings are kept. */
    readonly location: string
    /** Called when settings were imported. */
    readonly accept: () => void
  }
}

type Names = 'settings.export' | 'settings.import'

export function settingsHandlers({ mothers, priorities, settingsStore }: SettingsFacts): HandlersOf<Names> {
  const { location, accept } = settingsStore
  return {
    'settings.export': async () => ({
      location,
      mothers: Object.fromEntries(
        mothers.list().map((mother) => [mother.id, recordOf({ ...mother, token: undefined })]),
      ),
      priorities: Object.fromEntries(priorities.all()),
      without_token: mothers.list().flatMap(({ id, token }) => (token === undefined ? [] : [id])),
    }),
    'settings.import': async ({ mothers: records = {}, priorities: given = {} }) => {
      for (const [id, record] of Object.entries(records)) await mothers.put(id, record)
      for (const [provider, priority] of Object.entries(given)) await priorities.set(provider, priority)
      accept()
      return {
        location,
        mothers: Object.keys(records).length,
        priorities: Object.keys(given).length,
      }
    },
  }
}
