import type { InferenceRequest } from '../../../inference/request/inference-request.ts'
import type { ProviderSetting } from '../../../catalog/provider-setting.ts'
import type { Clock } from '../../../base/clock.ts'
import type { ToolChats } from '../../../inference/services/services.ts'
import { watchFile } from '../../../files/watch-file.ts'
import { readMcpConfig } from '../../../mcp/config/config-file.ts'
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
 * The chats with tools of a worker: it reads the policy that decides which callers get tools by default, and forwards every
 * chat with tools. The MCP servers themselves run once, in the primary.
 */
export async function openWorkerToolChats(
  configPath: string | undefined,
  clock: Clock,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly toolChats: ToolChats; reload(): Promise<void>; close(): void }> {
  // Unknown as long as the file can't be read: the primary, which keeps the last good file, then serves every chat.
  let policy = configPath === undefined ? new ToolPolicy([], clock) : undefined
  const reload = async (): Promise<void> => {
    if (configPath === undefined) return
    try {
      const { policies, problems } = readMcpConfig(configPath, environment)
      // A policy that can't be read replaces no good one, as in the primary.
      if (policy === undefined || problems.every(({ server }) => server !== '*'))
        policy = new ToolPolicy(policies, clock)
    } catch {
      // A file that can't be parsed changes nothing, as in the primary, which logs it.
    }
  }
  // The watch begins before the file is read, so that no change falls between.
  const watch = configPath === undefined ? undefined : watchFile(configPath, clock, () => void reload())
  const close = (): void => watch?.close()
  await reload()
  const toolChats: ToolChats = {
    chatTools(caller) {
      if (policy === undefined) throw new ForwardRequired()
      return policy.chatTools(caller)
    },
    run: () => Promise.reject(new ForwardRequired()),
  }
  return { toolChats, reload, close }
}
