import type { Contender } from './contender.ts'
import { broker } from './broker.ts'
import { direct } from './direct.ts'
import { nginx } from './nginx.ts'
import { nodeProxy } from './node-proxy.ts'
import { portkey } from './portkey.ts'

export interface ContenderOptions {
  /** Folder with Portkey's package installed; without it, Portkey does not take part. */
  readonly portkeyFolder?: string | undefined
  /** Folder into which the broker writes a CPU profile when it stops. */
  readonly profileFolder?: string | undefined
}

export function allContenders(options: ContenderOptions): Contender[] {
  const usual = [direct, nginx, nodeProxy, broker(options.profileFolder)]
  return options.portkeyFolder === undefined ? usual : [...usual, portkey(options.portkeyFolder)]
}
