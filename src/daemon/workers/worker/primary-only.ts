import type { InferenceRequest } from '../../../inference/request/inference-request.ts'
import type { ProviderSetting } from '../../../catalog/provider-setting.ts'
import type { Clock } from '../../../base/clock.ts'
import type { McpGateway } from '../../../mcp/mcp-gateway.ts'
import { readMcpConfig } from '../../../mcp/config/config-file.ts'
import { watchFile } from '../../../files/watch-file.ts'
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
): Promise<{ readonly tools: McpGateway; close(): void }> {
  let policy: ToolPolicy | undefined
  const read = (path: string): void => {
    try {
      const { policies, problems } = readMcpConfig(path, environment)
      // A policy that can't be read replaces no good one, as in the primary.
      if (policy === undefined || problems.every(({ server }) => server !== '*'))
        policy = new ToolPolicy(policies, clock)
    } catch {
      // A file that can't be parsed changes nothing, as in the primary, which logs it.
    }
  }
  if (configPath !== undefined) read(configPath)
  const watch = configPath === undefined ? undefined : watchFile(configPath, clock, () => read(configPath))
  const close = (): void => watch?.close()
  const chatTools: McpGateway['chatTools'] = (caller) => {
    if ((policy?.chatTools(caller) ?? []).length > 0) throw new ForwardRequired()
    return []
  }
  return { tools: standIn<McpGateway>({ chatTools }, () => new ForwardRequired()), close }
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
