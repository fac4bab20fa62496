import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { Secret } from '../../base/secret.ts'
import { ToolFailure } from '../shared/tool-failure.ts'
import type { CallInfo } from '../shared/tool.ts'
import type { HeroSettings } from './settings.ts'

/** The caller in whose name a tool of `mcp_hero` acts: what programs may do and who pays is decided for this caller. */
export interface HeroCaller {
  /** Equal for two calls exactly if address, context and token are equal. */
  readonly key: string
  readonly ip: string | undefined
  readonly context: string | undefined
  /** Proves to the broker in whose name a call is made; it ends with the tool call. */
  readonly credential: Secret | undefined
  /** The folder of the broker's sockets, which alone receive the credential. */
  readonly brokerFolder: string | undefined
}

/** As the broker's `CALLER_META_KEY` names it; a server does not import from the gateway. */
const META_KEY = 'hero-aibroker/caller'

const callerShape = z.object({
  ip: z.string(),
  context: z.string().optional(),
  token: z.string().optional(),
  credential: z.string().optional(),
  sockets: z.string().optional(),
})

/** The caller that the broker named for this call, or this program's own user; `undefined` when there is neither. */
export function callerOf({ meta }: CallInfo, settings: HeroSettings): HeroCaller | undefined {
  const parsed = settings.isStartedByBroker ? callerShape.safeParse(meta[META_KEY]) : undefined
  if (parsed?.success !== true) return settings.actsForItself ? ownIdentity(settings) : undefined
  const { ip, context, token, credential, sockets } = parsed.data
  return {
    key: JSON.stringify([ip, context ?? null, token ?? null]),
    ip,
    context,
    credential: credential === undefined ? undefined : new Secret(credential),
    brokerFolder: sockets,
  }
}

/** Throws `disabled` when it is unknown in whose name the call is made. */
export function requireCaller(info: CallInfo, settings: HeroSettings): HeroCaller {
  const caller = callerOf(info, settings)
  if (caller !== undefined) return caller
  throw new ToolFailure(
    'disabled',
    'mcp_hero was not given the caller of this tool, and acts for nobody else: the operator starts this program from the file of MCP servers (with forwardCaller), or sets MCP_HERO_ACT_AS_SELF=true',
  )
}

/** The headers that name the caller to a service. `Via` states that a front sends them, which is never an administrator. */
export function callerHeaders(caller: HeroCaller, socket: string): Record<string, string> {
  const { ip, context, credential } = caller
  if (credential !== undefined && isBrokerSocket(socket, caller))
    return { via: VIA, authorization: `Bearer ${credential.reveal()}` }
  return {
    via: VIA,
    ...(ip === undefined || ip === 'local' ? {} : { 'x-forwarded-for': ip.replace(/\/64$/, '') }),
    ...(context === undefined ? {} : { 'x-hero-context': context }),
  }
}

const VIA = '1.1 mcp_hero'

function ownIdentity({ context }: HeroSettings): HeroCaller {
  return { key: 'self', ip: undefined, context, credential: undefined, brokerFolder: undefined }
}

/** Symbolic links are followed, for the folder of sockets is often one. */
function isBrokerSocket(socket: string, { brokerFolder }: HeroCaller): boolean {
  if (brokerFolder === undefined) return false
  try {
    return dirname(realpathSync(socket)) === realpathSync(brokerFolder)
  } catch {
    return false
  }
}
