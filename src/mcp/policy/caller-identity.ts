import type { CallerCredentials } from '../../auth/caller-credentials.ts'
import type { ToolCaller } from './tool-policy.ts'

/** The `_meta` key under which a server of ours receives the caller of a tool call. Callers can't set it: it is never relayed. */
export const CALLER_META_KEY = 'hero-aibroker/caller'

/** One call of a tool. */
interface IdentifiedCall {
  readonly caller: ToolCaller
  readonly server: string
  readonly call: string
}

/** Hands the caller of a tool call to a server of ours, so that the server acts in the caller's name. */
export interface CallerIdentity {
  /** The `_meta` of the call. `end` must be called when the call has ended. */
  begin(call: IdentifiedCall): { readonly meta: Readonly<Record<string, unknown>>; readonly end: () => void }
}

export interface CallerIdentityParts {
  /** Issues the credential that this process accepts; without it servers learn address and context only. */
  readonly credentials?: Pick<CallerCredentials, 'issue'> | undefined
  /** The folder of this broker's sockets: a credential is for these alone. */
  readonly socketFolder?: string | undefined
}

export function createCallerIdentity({ credentials, socketFolder }: CallerIdentityParts): CallerIdentity {
  return {
    begin({ caller, server, call }) {
      const issued = credentials?.issue({ caller, server, call })
      const { ip, context, token } = caller
      const identity = { ip, context, token, credential: issued?.text.reveal(), sockets: socketFolder }
      return { meta: { [CALLER_META_KEY]: identity }, end: () => issued?.revoke() }
    },
  }
}
