import type { Contender } from './contender.ts'
import { broker, earlierBroker } from './broker.ts'
import { direct } from './direct.ts'
import { nginx } from './nginx.ts'
import { nodeProxy } from './node-proxy.ts'
import { portkey } from './portkey.ts'

export interface ContenderOptions {
  /** Folder with Portkey's package installed; without it, Portkey does not take part. */
  readonly portkeyFolder?: string | undefined
  /** Folder into which the broker writes a CPU profile when it stops. */
  readonly profileFolder?: string | undefined
  /** Another checkout of this repository, whose daemon takes part as `before`. */
  readonly before?: string | undefined
}

export function allContenders(options: ContenderOptions): Contender[] {
  const { profileFolder, before, portkeyFolder } = options
  return [
    direct,
    nginx,
    nodeProxy,
    broker(profileFolder),
    ...(before === undefined ? [] : [earlierBroker(before)]),
    ...(portkeyFolder === undefined ? [] : [portkey(portkeyFolder)]),
  ]
}
