import type { Model } from '../../catalog/catalog.ts'
import { mockModels } from '../../local-models/mock/models.ts'
import { unixBaseUrl } from '../../providers/transport/base-url.ts'
import type { ProviderDefinition } from '../../providers/provider.ts'

const LOCAL = 'local'

/** The built-in mock provider. It is called over its socket like any other provider. */
export function mockProviderDefinition(socketPath: string): ProviderDefinition {
  return {
    id: LOCAL,
    displayName: 'Loopback (built-in echo)',
    baseUrl: unixBaseUrl(socketPath),
    needsKey: false,
    abortStopsBilling: true,
    abortStopsPlainBilling: true,
    isMock: true,
    privacy: { trains: false, retains: false },
  }
}

/** The models of the mock provider as catalog entries. */
export function mockProviderModels(): readonly Model[] {
  return mockModels.map(({ id, displayName, kind, capabilities, contextWindow, maxOutputTokens, price }) => ({
    id,
    displayName,
    kind,
    tier: 'free',
    capabilities,
    contextWindow,
    maxOutputTokens,
    endpoints: [
      {
        id: `${LOCAL}/${id}`,
        provider: LOCAL,
        modelId: id,
        model: id,
        priority: 1,
        contextWindow,
        maxOutputTokens,
        price,
      },
    ],
  }))
}
