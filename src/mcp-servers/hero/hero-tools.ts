import type { Clock } from '../../base/clock.ts'
import { ToolFailure } from '../shared/tool-failure.ts'
import type { Surroundings } from '../shared/server.ts'
import { createLibrary } from './services/service-registry.ts'
import type { Library } from './services/service-registry.ts'
import { readSettings } from './settings.ts'
import type { HeroSettings } from './settings.ts'

/** What the five tools share for as long as the process lives. */
export interface HeroRoom {
  readonly settings: HeroSettings
  readonly library: Library
  readonly clock: Clock
  /** Throws `disabled` until the operator has turned the server on. */
  mustBeOn(): void
  /** Runs `work` in one of the few places; throws `busy` when all are taken, so that programs can't call themselves up. */
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
        'mcp_hero is off, for it runs generated code: the operator turns it on with MCP_HERO_ENABLED=true',
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
