import type { Errand } from '../../../inference/request/inference-request.ts'
import type { ProviderSetting } from '../../../catalog/provider-setting.ts'
import type { Clock } from '../../../base/clock.ts'
import type { ToolBroker } from '../../../mcp/mcp-gateway.ts'
import { readMcpConfig, watchFile } from '../../../mcp/config/config-file.ts'
import { ToolPolicy } from '../../../mcp/policy/tool-policy.ts'

/** Thrown where a worker learns, after it has read a request, that only the primary can answer it. */
export class PassedOn extends Error {}

/**
 * Providers that only the primary may ask: what counts a key's requests per minute, or starts a server on this host, must
 * be one thing.
 */
export function providersOfThePrimary(settings: ReadonlyMap<string, ProviderSetting>): ReadonlySet<string> {
  const isOne = ({ server, keys = [] }: ProviderSetting): boolean =>
    server !== undefined || keys.some(({ requestsPerMinute }) => requestsPerMinute !== undefined)
  return new Set([...settings.values()].filter(isOne).map(({ name }) => name))
}

/** Throws `PassedOn` when one of the candidates is such a provider's. */
export function refuseForeign({ candidates }: Errand, ofThePrimary: ReadonlySet<string>): void {
  if (ofThePrimary.size > 0 && candidates.some(({ provider }) => ofThePrimary.has(provider)))
    throw new PassedOn()
}

/**
 * The tools as a worker sees them: it knows which callers get some unasked, and passes on every chat that runs one. The
 * servers behind them run once, in the primary.
 */
export async function toolsElsewhere(
  configPath: string | undefined,
  clock: Clock,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly tools: ToolBroker; close(): void }> {
  let policy = new ToolPolicy([], clock)
  const read = async (path: string): Promise<void> => {
    const { policies } = await readMcpConfig(path, environment)
    policy = new ToolPolicy(policies, clock)
  }
  if (configPath !== undefined) await read(configPath)
  const close =
    configPath === undefined
      ? () => undefined
      : // What can't be understood changes nothing, as in the primary, which tells of it.
        watchFile(configPath, clock, () => void read(configPath).catch(() => undefined))
  const chatTools: ToolBroker['chatTools'] = (caller) => {
    if (policy.chatTools(caller).length > 0) throw new PassedOn()
    return []
  }
  return { tools: standIn<ToolBroker>({ chatTools }, () => new PassedOn()), close }
}

/** An object of which only these parts may be used; anything else throws. */
export function standIn<T extends object>(parts: Partial<T>, because: () => Error): T {
  return new Proxy(parts, {
    get(target, name) {
      if (Reflect.has(target, name)) return Reflect.get(target, name) as unknown
      throw because()
    },
  }) as T
}
