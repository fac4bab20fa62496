import {
  type CompleteRequestParams,
  type CompleteResult,
  isInputRequiredResult,
} from '@modelcontextprotocol/client'
import { BrokerError } from '../base/errors.ts'
import type { ToolCaller } from './policy/tool-policy.ts'
import { NEVER, type RequestRelay } from './request-relay.ts'
import type { CallOptions } from './types.ts'
import type { Tables } from './upstream/server-set.ts'

const NO_VALUES: CompleteResult = { completion: { values: [] } }

/** Completes an argument of a prompt or of a resource template. Throws `not-found` for one that the caller may not use. */
export async function complete(
  relay: RequestRelay,
  caller: ToolCaller,
  params: CompleteRequestParams,
  options: CallOptions,
): Promise<CompleteResult> {
  const found = await relay.servers.find(
    (tables) => ownerOf(tables, relay, caller, params),
    options.signal ?? NEVER,
  )
  if (found === undefined) throw new BrokerError('not-found', 'nothing of that name can be completed')
  const target = { server: found.server, subject: 'completion' }
  const result = await relay.send<CompleteResult>(caller, target, options, async (connection, { signal }) =>
    connection.capabilities.completions === undefined
      ? NO_VALUES
      : connection.complete({ ...params, ref: found.ref }, signal),
  )
  return isInputRequiredResult(result) ? NO_VALUES : result
}

/** The server that owns the prompt or template, and the reference under the server's own name. */
function ownerOf(
  { prompts, resources }: Tables,
  relay: RequestRelay,
  caller: ToolCaller,
  { ref }: CompleteRequestParams,
) {
  if (ref.type === 'ref/prompt') {
    const entry = prompts.get(ref.name)
    if (entry === undefined || !relay.mayUse(caller, entry)) return undefined
    return { server: entry.server, ref: { ...ref, name: entry.definition.name } }
  }
  const owned = resources.templates.find(({ original }) => original === ref.uri)
  return owned && relay.mayRead(caller, owned.server, ref.uri) ? { server: owned.server, ref } : undefined
}
