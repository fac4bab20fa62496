import type { Clock } from '../../base/clock.ts'
import { ToolFailure } from '../shared/tool-failure.ts'
import type { ServerDependencies } from '../shared/server.ts'
import { probeSandbox } from './sandbox/probe.ts'
import type { SandboxFacts } from './sandbox/probe.ts'
import { createServiceRegistry } from './services/service-registry.ts'
import type { ServiceRegistry } from './services/service-registry.ts'
import { readSettings } from './settings.ts'
import type { HeroSettings } from './settings.ts'

/** The settings and state that the five tools share. */
export interface HeroRuntime {
  readonly settings: HeroSettings
  readonly registry: ServiceRegistry
  readonly clock: Clock
  /** What programs find in the sandbox, looked at once. Throws `disabled` where nothing can be run. */
  sandboxFacts(signal: AbortSignal): Promise<SandboxFacts>
  /** Throws `disabled` unless the operator has enabled the server. */
  assertEnabled(): void
  /** Runs `work`, at most `PLACES` at a time. Throws `busy` above that, so that programs cannot start each other without limit. */
  runLimited<T>(work: () => Promise<T>): Promise<T>
}

const MAX_RUNNING = 2

export function createHeroRuntime({ env, clock, isShared }: ServerDependencies): HeroRuntime {
  const settings = readSettings(env, isShared)
  let running = 0
  let facts: SandboxFacts | undefined
  return {
    settings,
    registry: createServiceRegistry(settings, clock),
    clock,
    async sandboxFacts(signal) {
      facts ??= await probeSandbox(settings, signal)
      return facts
    },
    assertEnabled() {
      if (settings.isEnabled) return
      throw new ToolFailure(
        'disabled',
        'mcp_hero is disabled because it runs generated code: the operator enables it with MCP_HERO_ENABLED=true',
      )
    },
    async runLimited(work) {
      if (running >= MAX_RUNNING) throw new ToolFailure('busy', `${MAX_RUNNING} programs are running already`)
      running++
      try {
        return await work()
      } finally {
        running--
      }
    },
  }
}
