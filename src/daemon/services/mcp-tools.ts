import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { asBrokerError } from '../../base/errors.ts'
import { createToolMeter } from '../../inference/tools/tool-billing.ts'
import type { Config } from '../../config/config.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Limits } from '../../limits/limits.ts'
import type { McpGateway } from '../../mcp/mcp-gateway.ts'
import type { CallerIdentity } from '../../mcp/policy/caller-identity.ts'
import type { DaemonLog } from '../log.ts'
import { VERSION } from '../../runtime/version.ts'

/** The tools of all MCP servers that are configured. */
export interface McpTools extends AsyncDisposable {
  /** Absent without an MCP file: then the MCP libraries are not even loaded. */
  readonly configured: McpGateway | undefined
  /** `configured`, or a gateway without servers, for listeners that get an MCP request all the same. */
  gateway(): Promise<McpGateway>
}

export interface McpToolsParts {
  readonly config: Pick<Config, 'dataDir' | 'mcpConfigPath'>
  /** Variables that the MCP file may refer to. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: DaemonLog
  readonly ledger: Ledger
  readonly limits: Limits
  /** Hands the caller of a tool to servers of ours. */
  readonly identity: CallerIdentity
  /** Called when the policies of the MCP file have been replaced. */
  readonly onPolicies: () => void
}

/** Reads the MCP file, if one is configured. Servers start when they are first used. A bad file is reported and starts none. */
export async function openMcpTools(parts: McpToolsParts): Promise<McpTools> {
  const configPath = parts.config.mcpConfigPath
  const configured = configPath === undefined ? undefined : await openConfigured(parts, configPath)
  let empty: Promise<McpGateway> | undefined
  return {
    configured,
    gateway: () => (configured === undefined ? (empty ??= loadGateway(parts)) : Promise.resolve(configured)),
    async [Symbol.asyncDispose]() {
      await configured?.close()
      await (await empty?.catch(() => undefined))?.close()
    },
  }
}

/** What is wrong with the tools must not keep chats from being served. */
async function openConfigured(parts: McpToolsParts, configPath: string): Promise<McpGateway> {
  try {
    return await loadGateway(parts, { configPath })
  } catch (error) {
    const problem = `${asBrokerError(error).message}; then restart the broker`
    parts.log.warn({ problem }, 'mcp: no servers are available')
    return loadGateway(parts, { problem })
  }
}

async function loadGateway(
  { config, environment, clock, log, ledger, limits, identity, onPolicies }: McpToolsParts,
  { configPath, problem }: { readonly configPath?: string; readonly problem?: string } = {},
): Promise<McpGateway> {
  const [{ createMcpGateway }, { createPinFile }] = await Promise.all([
    import('../../mcp/mcp-gateway.ts'),
    import('../../mcp/upstream/pinning/pin-file.ts'),
  ])
  return createMcpGateway({
    configPath,
    problem,
    mayStartWithoutFile: true,
    environment,
    version: VERSION,
    clock,
    log,
    meter: createToolMeter({ ledger, limits, log }),
    identity,
    onPolicies,
    // A file of its own: with that of `hero_aibroker_services` each would overwrite the other's approvals.
    pinStore: problem === undefined ? createPinFile(join(config.dataDir, 'daemon-mcp-pins.json')) : undefined,
  })
}
