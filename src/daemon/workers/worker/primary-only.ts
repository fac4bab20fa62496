import type { InferenceRequest } from '../../../inference/request/inference-request.ts'
import type { ProviderSetting } from '../../../catalog/provider-setting.ts'
import type { Clock } from '../../../base/clock.ts'
import type { McpGateway } from '../../../mcp/mcp-gateway.ts'
import { readMcpConfig, watchFile } from '../../../mcp/config/config-file.ts'
import { ToolPolicy } from '../../../mcp/policy/tool-policy.ts'

/** Thrown when a worker finds, after reading a request, that only the primary can serve it. */
export class ForwardRequired extends Error {}

/**
 * Providers that only the primary may call: the requests per minute of a key must be counted in one process, and a server on
 * this host must be started by one.
 */
export function primaryOnlyProviders(settings: ReadonlyMap<string, ProviderSetting>): ReadonlySet<string> {
  const isPrimaryOnly = ({ server, keys = [] }: ProviderSetting): boolean =>
    server !== undefined || keys.some(({ requestsPerMinute }) => requestsPerMinute !== undefined)
  return new Set([...settings.values()].filter(isPrimaryOnly).map(({ name }) => name))
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
 * The tools of a worker: it reads the policy that decides which callers get tools by default, and forwards every chat with
 * tools. The MCP servers themselves run once, in the primary.
 */
export async function openWorkerTools(
  configPath: string | undefined,
  clock: Clock,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly tools: McpGateway; reload(): Promise<void>; close(): void }> {
  // Unknown as long as the file can't be read: the primary, which keeps the last good file, then serves every chat.
  let policy = configPath === undefined ? new ToolPolicy([], clock) : undefined
  const reload = async (): Promise<void> => {
    if (configPath === undefined) return
    // A file that can't be parsed changes nothing, as in the primary, which logs it.
    const config = await readMcpConfig(configPath, environment).catch(() => undefined)
    if (config !== undefined) policy = new ToolPolicy(config.policies, clock)
  }
  // The watch begins before the file is read, so that no change falls between.
  const close = configPath === undefined ? () => undefined : watchFile(configPath, clock, () => void reload())
  await reload()
  const chatTools: McpGateway['chatTools'] = (caller) => {
    if (policy === undefined || policy.chatTools(caller).length > 0) throw new ForwardRequired()
    return []
  }
  return { tools: standIn<McpGateway>({ chatTools }, () => new ForwardRequired()), reload, close }
}

/** An object that has only these members; access to any other throws. */
export function standIn<T extends object>(parts: Partial<T>, createError: () => Error): T {
  return new Proxy(parts, {
    get(target, name) {
      if (Reflect.has(target, name)) return Reflect.get(target, name) as unknown
      throw createError()
    },
  }) as T
}
