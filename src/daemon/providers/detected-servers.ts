import { ZERO } from '../../base/money.ts'
import type { Model, Price } from '../../catalog/catalog.ts'
import { detectLocalServers } from '../../local-models/detect.ts'
import type { ProviderDefinition } from '../../providers/provider.ts'

/** A model server on this host that the broker did not start. */
export interface DetectedServer {
  readonly definition: ProviderDefinition
  readonly models: readonly string[]
}

/** Probes the usual ports of model servers on this host. */
export async function findLocalServers(): Promise<readonly DetectedServer[]> {
  const found = await detectLocalServers()
  return found.map(({ name, baseUrl, models }) => ({
    definition: {
      id: name,
      displayName: name,
      baseUrl,
      needsKey: false,
      abortStopsBilling: true,
      privacy: ON_THIS_HOST,
    },
    models,
  }))
}

const ON_THIS_HOST = { trains: false, retains: false }

/** A server on this host costs nothing. */
const FREE: Price = { input: ZERO, output: ZERO, source: 'runs on this host', date: undefined }

/** Every model that the servers list, named `server/model`, so that it never shadows a model of the models file. */
export function detectedModels(found: readonly DetectedServer[]): readonly Model[] {
  return found.flatMap(({ definition, models }) => models.map((modelId) => modelOf(definition.id, modelId)))
}

function modelOf(provider: string, modelId: string): Model {
  const id = `${provider}/${modelId}`
  const limits = { contextWindow: undefined, maxOutputTokens: undefined }
  const endpoint = { id, provider, modelId, model: id, priority: 50, price: FREE, ...limits }
  return {
    id,
    displayName: id,
    kind: 'chat',
    tier: 'free',
    capabilities: [],
    ...limits,
    endpoints: [endpoint],
  }
}
