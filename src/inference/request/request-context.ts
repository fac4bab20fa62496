import type { Caller } from '../../auth/caller.ts'

/** Who asks, and the app they ask with. */
export interface Asker {
  readonly caller: Caller
  readonly referer: string | undefined
  readonly title: string | undefined
  /** As they came: some steer a router, or say what the answer should tell. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>> | undefined
}
