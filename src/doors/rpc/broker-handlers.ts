import type { Handlers } from './handlers.ts'
import { aiHandlers } from './methods/ai.ts'
import { configHandlers, type ConfigFacts } from './methods/config.ts'
import { infoHandlers, type InfoFacts } from './methods/info.ts'
import { logsHandlers } from './methods/logs.ts'
import { metricsHandlers, type MetricsFacts } from './methods/metrics.ts'
import { modelsHandlers } from './methods/models.ts'
import { providersHandlers, type ProvidersFacts } from './methods/providers.ts'
import { usageHandlers } from './methods/usage.ts'

/** What the methods speak of. */
export interface BrokerFacts extends InfoFacts, ProvidersFacts, MetricsFacts, ConfigFacts {
  readonly logs: Parameters<typeof logsHandlers>[0]
}

/** Every method of the contract, answered from the broker's rooms: a line for each group. */
export function brokerHandlers(facts: BrokerFacts): Handlers {
  return {
    ...infoHandlers(facts),
    ...modelsHandlers(facts.rooms),
    ...providersHandlers(facts),
    ...usageHandlers(facts.rooms),
    ...metricsHandlers(facts),
    ...logsHandlers(facts.logs),
    ...configHandlers(facts),
    ...aiHandlers(facts.rooms),
  }
}
