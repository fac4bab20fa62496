import type { Clock } from '../../base/clock.ts'
import { ToolFailure } from '../shared/tool-failure.ts'
import type { Surroundings } from '../shared/server.ts'
import { createLibrary } from './services/service-registry.ts'
import type { Library } from './services/service-registry.ts'
import { readSettings } from './settings.ts'
import type { HeroSettings } from './settings.ts'

/** The settings and state that the five tools share. */
export interface HeroRoom {
  readonly settings: HeroSettings
  readonly library: Library
  readonly clock: Clock
  /** Throws `disabled` unless the operator has enabled the server. */
  mustBeOn(): void
  /** Runs `work`, at most `PLACES` at a time. Throws `busy` above that, so that programs cannot start each other without limit. */
  inPlace<T>(work: () => Promise<T>): Promise<T>
}

const PLACES = 2

export function createHero({ env, clock }: Surroundings): HeroRoom {
  const settings = readSettings(env)
  let taken = 0
  return {
    settings,
    library: createLibrary(settings),
    clock,
    mustBeOn() {
      if (settings.isOn) return
      throw new ToolFailure(
        'disabled',
        'mcp_hero is disabled because it runs generated code: the operator enables it with MCP_HERO_ENABLED=true',
      )
    },
    async inPlace(work) {
      if (taken >= PLACES) throw new ToolFailure('busy', `${PLACES} programs are running already`)
      taken++
      try {
        return await work()
      } finally {
        taken--
      }
    },
  }
}
