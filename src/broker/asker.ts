import type { Caller } from '../contexts/caller.ts'

/** Who asks, and the app they ask with. */
export interface Asker {
  readonly caller: Caller
  readonly referer: string | undefined
  readonly title: string | undefined
}
