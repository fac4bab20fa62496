import type { Caller } from '../../../auth/caller.ts'
import type { InferenceRequest } from '../../../inference/request/inference-request.ts'
import type { ProviderSetting } from '../../../catalog/provider-setting.ts'
import type { Clock } from '../../../base/clock.ts'
import type { ToolChats } from '../../../inference/services/services.ts'
import type { RegistryState } from '../../providers/provider-registry.ts'
import type { PolicyConfig } from '../../../mcp/config/config.ts'
import { ForwardRequired } from '../../../server/rest/inference/forward-required.ts'
import { ToolPolicy } from '../../../mcp/policy/tool-policy.ts'

/**
 * Providers that only the primary may call: the requests per minute of a key must be counted in one process, and a server on
 * this host must be started by one. A lease at a mother is spent in one process, too.
 */
export function primaryOnlyProviders({
  settings,
  mothers,
}: Pick<RegistryState, 'settings' | 'mothers'>): ReadonlySet<string> {
  const isPrimaryOnly = ({ server, keys = [] }: ProviderSetting): boolean =>
    server !== undefined || keys.some(({ requestsPerMinute }) => requestsPerMinute !== undefined)
  const leased = mothers.flatMap(({ isLeased, definition }) => (isLeased ? [definition.id] : []))
  return new Set([...[...settings.values()].filter(isPrimaryOnly).map(({ name }) => name), ...leased])
}

/** Throws `ForwardRequired` when a candidate belongs to one of these providers. */
export function forwardIfPrimaryOnly(
  { candidates }: InferenceRequest,
  primaryOnly: ReadonlySet<string>,
): void {
  if (primaryOnly.size > 0 && candidates.some(({ provider }) => primaryOnly.has(provider)))
    throw new ForwardRequired()
}

/**
 * The chats with tools of a worker: it knows which callers get tools by default, and forwards every chat with tools. The MCP
 * servers themselves, and their file, are the primary's: it alone decides which version of the file is in use.
 */
export class WorkerToolChats implements ToolChats {
  readonly #clock: Clock
  #policy: ToolPolicy | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  replace(policies: readonly PolicyConfig[]): void {
    this.#policy = new ToolPolicy(policies, this.#clock)
  }

  chatTools(caller: Caller): readonly string[] {
    if (this.#policy === undefined) throw new ForwardRequired()
    return this.#policy.chatTools(caller)
  }

  run(): Promise<void> {
    return Promise.reject(new ForwardRequired())
  }
}
