import type { AdminServices } from '../../../inference/services/services.ts'
import type { EffectiveSetting } from '../../../config/config-type.ts'
import type { HandlersOf } from '../calls/handler-types.ts'

export interface ConfigFacts {
  readonly services: AdminServices
  /** A reload may change the sources of keys. */
  readonly settings: () => readonly EffectiveSetting[]
  readonly modelsPath: string
  /** Reads the models file and the keys again. Throws if they are invalid; returns the variables that need a restart. */
  readonly reload: (options: { readonly mayLoseMost: boolean }) => Promise<readonly string[]>
}

export function configHandlers(facts: ConfigFacts): HandlersOf<'config.get' | 'config.reload'> {
  const { services, settings, modelsPath, reload } = facts
  return {
    'config.get': async () => ({
      settings: settings().map(({ name, value, source, variable }) => ({
        name,
        ...(value === undefined ? {} : { value }),
        source,
        variable,
      })),
    }),
    'config.reload': async ({ force = false }) => {
      const waiting = await reload({ mayLoseMost: force })
      const providers = [...services.providers().values()]
      return {
        path: modelsPath,
        models: services.catalog().models.size,
        providers: providers.length,
        keys: providers.reduce((sum, { keyCount }) => sum + keyCount, 0),
        ...(waiting.length === 0 ? {} : { needs_restart: [...waiting] }),
      }
    },
  }
}
