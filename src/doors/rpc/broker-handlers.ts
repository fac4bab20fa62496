import { aiHandlers } from './ai-handlers.ts'
import { catalogHandlers, type CatalogFacts } from './catalog-handlers.ts'
import { configHandlers, type ConfigFacts } from './config-handlers.ts'
import { contextsHandlers, type ContextsFacts } from './contexts-handlers.ts'
import type { Handlers, StreamHandlers } from './handlers.ts'
import { infoHandlers, type InfoFacts } from './info-handlers.ts'
import { logsHandlers, logsStreams } from './logs-handlers.ts'
import { mcpHandlers } from './mcp-handlers.ts'
import { metricsHandlers, type MetricsFacts } from './metrics-handlers.ts'
import { modelsHandlers } from './models-handlers.ts'
import { moneyHandlers, type MoneyFacts } from './money-handlers.ts'
import { providersHandlers, type ProvidersFacts } from './providers-handlers.ts'
import { tokenHandlers, type TokensFacts } from './token-handlers.ts'

/** What the methods speak of. */
export interface BrokerFacts
  extends
    InfoFacts,
    CatalogFacts,
    ProvidersFacts,
    MetricsFacts,
    ConfigFacts,
    MoneyFacts,
    ContextsFacts,
    TokensFacts {
  readonly logs: Parameters<typeof logsHandlers>[0]
}

/** Every method of the contract, answered from the broker's rooms: a line for each group. */
export function brokerHandlers(facts: BrokerFacts): Handlers {
  return {
    ...infoHandlers(facts),
    ...modelsHandlers(facts.rooms),
    ...catalogHandlers(facts),
    ...providersHandlers(facts),
    ...mcpHandlers(facts.rooms.tools),
    ...aiHandlers(facts.rooms),
    ...moneyHandlers(facts),
    ...contextsHandlers(facts),
    ...tokenHandlers(facts),
    ...metricsHandlers(facts),
    ...logsHandlers(facts.logs),
    ...configHandlers(facts),
  }
}

/** Every method that streams. */
export function brokerStreams({ logs }: Pick<BrokerFacts, 'logs'>): StreamHandlers {
  return { ...logsStreams(logs) }
}
