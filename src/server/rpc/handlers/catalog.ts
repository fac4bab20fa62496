import type { ListStanding } from '../../../catalog/model-lists.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import { isAvailable } from '../../../catalog/find-model.ts'
import type { Result } from '../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../calls/handler-types.ts'

export interface CatalogFacts {
  readonly rooms: Rooms
  readonly modelsPath: string
  /** Errors in the models file since it was last read; empty when it is valid. */
  readonly problems: () => readonly string[]
}

export function catalogHandlers({ rooms, modelsPath, problems }: CatalogFacts): HandlersOf<'catalog.status'> {
  return {
    'catalog.status': async () => {
      const { version, models, endpoints } = rooms.catalog()
      const providers = rooms.providers()
      const all = [...endpoints.values()]
      return {
        version,
        models: models.size,
        available: [...models.values()].filter((model) => isAvailable(model, providers)).length,
        endpoints: endpoints.size,
        unpriced: all.filter(({ provider, price }) => providers.has(provider) && price === undefined).length,
        models_file: { path: modelsPath, problems: [...problems()] },
        automatic: rooms.lists.isAutomatic,
        lists: rooms.lists.standing().map(listRow),
      }
    },
  }
}

function listRow(standing: ListStanding): Result<'catalog.status'>['lists'][number] {
  const { provider, models, fetchedAt, triedAt, problem } = standing
  return {
    provider,
    models,
    ...(fetchedAt === undefined ? {} : { fetched_at: new Date(fetchedAt).toISOString() }),
    ...(triedAt === undefined ? {} : { tried_at: new Date(triedAt).toISOString() }),
    ...(problem === undefined ? {} : { problem }),
  }
}
