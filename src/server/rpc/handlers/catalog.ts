import type { ModelListStatus } from '../../../catalog/model-lists.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import { isAvailable } from '../../../catalog/find-model.ts'
import type { Result } from '../../../wire/rpc/methods.ts'
import { offeredTo, offeredToAll } from '../../../inference/services/offered.ts'
import type { HandlersOf } from '../calls/handler-types.ts'

export interface CatalogFacts {
  readonly services: AdminServices
  readonly modelsPath: string
  /** Errors in the models file since it was last read; empty when it is valid. */
  readonly problems: () => readonly string[]
}

export function catalogHandlers({
  services,
  modelsPath,
  problems,
}: CatalogFacts): HandlersOf<'catalog.status'> {
  return {
    'catalog.status': async (_params, caller) => {
      const isAdmin = caller.role === 'admin'
      const { catalog, providers } = isAdmin ? offeredToAll(services) : offeredTo(caller, services)
      const { version, models, endpoints } = catalog
      const all = [...endpoints.values()]
      return {
        version,
        models: models.size,
        available: [...models.values()].filter((model) => isAvailable(model, providers)).length,
        endpoints: endpoints.size,
        unpriced: all.filter(({ provider, price }) => providers.has(provider) && price === undefined).length,
        models_file: isAdmin ? { path: modelsPath, problems: [...problems()] } : { path: '', problems: [] },
        automatic: services.modelLists.isAutomatic,
        lists: services.modelLists
          .status()
          .filter(({ provider }) => isAdmin || providers.has(provider))
          .map(listRow),
      }
    },
  }
}

function listRow(standing: ModelListStatus): Result<'catalog.status'>['lists'][number] {
  const { provider, models, fetchedAt, triedAt, problem } = standing
  return {
    provider,
    models,
    ...(fetchedAt === undefined ? {} : { fetched_at: new Date(fetchedAt).toISOString() }),
    ...(triedAt === undefined ? {} : { tried_at: new Date(triedAt).toISOString() }),
    ...(problem === undefined ? {} : { problem }),
  }
}
