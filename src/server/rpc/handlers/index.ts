import { aiHandlers, type AiFacts } from './ai.ts'
import { catalogHandlers, type CatalogFacts } from './catalog.ts'
import { configHandlers, type ConfigFacts } from './config.ts'
import { authHandlers } from './access/auth.ts'
import { contextsHandlers, type ContextsFacts } from './access/contexts.ts'
import type { Handlers, StreamHandlers } from '../calls/handler-types.ts'
import { eventsHandlers, eventsStreams, type EventsFacts } from './reports/events.ts'
import { limitsNearHandlers, type LimitsNearFacts } from './access/limits-near.ts'
import { requestsHandlers } from './reports/requests.ts'
import { usageQueryHandlers } from './reports/usage-query.ts'
import { infoHandlers, type InfoFacts } from './info.ts'
import { logsHandlers, logsStreams } from './logs.ts'
import { mcpHandlers } from './mcp.ts'
import { metricsHandlers, type MetricsFacts } from './metrics.ts'
import { modelsHandlers } from './models.ts'
import { settingsHandlers, type SettingsFacts } from './cascade/settings.ts'
import { leasesHandlers, type LeasesFacts } from './cascade/leases.ts'
import { reconcileHandlers, type ReconcileFacts } from './cascade/reconcile.ts'
import { mothersHandlers, type MothersFacts } from './cascade/mothers.ts'
import { accountingHandlers, type AccountingFacts } from './usage-ledger-limits.ts'
import { providersHandlers, type ProvidersFacts } from './providers.ts'
import { tokenHandlers, type TokensFacts } from './access/tokens.ts'

/** What the handlers need. */
export interface BrokerFacts
  extends
    AiFacts,
    InfoFacts,
    CatalogFacts,
    ProvidersFacts,
    MothersFacts,
    LeasesFacts,
    ReconcileFacts,
    SettingsFacts,
    MetricsFacts,
    ConfigFacts,
    AccountingFacts,
    ContextsFacts,
    TokensFacts,
    EventsFacts,
    LimitsNearFacts {
  readonly logs: Parameters<typeof logsHandlers>[0]
}

/** The handlers of all methods of the contract, one line for each group. */
export function brokerHandlers(facts: BrokerFacts): Handlers {
  return {
    ...infoHandlers(facts),
    ...modelsHandlers(facts.services),
    ...catalogHandlers(facts),
    ...providersHandlers(facts),
    ...mothersHandlers(facts),
    ...leasesHandlers(facts),
    ...reconcileHandlers(facts),
    ...settingsHandlers(facts),
    ...mcpHandlers(facts.services.tools),
    ...aiHandlers(facts),
    ...accountingHandlers(facts),
    ...contextsHandlers(facts),
    ...tokenHandlers(facts),
    ...metricsHandlers(facts),
    ...logsHandlers(facts.logs),
    ...configHandlers(facts),
    ...requestsHandlers(facts),
    ...usageQueryHandlers(facts),
    ...limitsNearHandlers(facts),
    ...eventsHandlers(facts),
    ...authHandlers(),
  }
}

/** The handlers of all streaming methods. */
export function brokerStreams(facts: Pick<BrokerFacts, 'logs'> & EventsFacts): StreamHandlers {
  return { ...logsStreams(facts.logs), ...eventsStreams(facts) }
}
