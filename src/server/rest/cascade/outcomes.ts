import type { FastifyReply, FastifyRequest } from 'fastify'
import { wait } from '../../../base/clock.ts'
import { BrokerError } from '../../../base/errors.ts'
import type { Caller } from '../../../auth/caller.ts'
import { MAX_OUTCOME_WAIT_MS, openRow, settledRow } from '../../../cascade/hop/outcome.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import type { Hold } from '../../../ledger/types.ts'
import { authenticate } from '../../http/authenticate.ts'

const REQUEST = /^[A-Za-z0-9._-]{1,96}$/
const FIRST_POLL_MS = 10
const MAX_POLL_MS = 100

/**
 * `GET /cascade/outcomes?request=&wait_ms=`: what became of the requests that a broker below gave this id, or an attempt of it.
 * A request that still runs is waited for, at most so long. Only the caller that sent a request learns of it, whatever context
 * it named. Throws `bad-request`.
 */
export async function getOutcomes(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
): Promise<object> {
  const { request: id, wait_ms: text = '0' } = request.query as Readonly<Record<string, unknown>>
  if (typeof id !== 'string' || !REQUEST.test(id))
    throw new BrokerError('bad-request', 'name the request: /cascade/outcomes?request=gen-…')
  const waitMs = Math.min(MAX_OUTCOME_WAIT_MS, Number(text) || 0)
  const until = services.clock.monotonic() + waitMs
  const caller = authenticate(request)
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(MAX_POLL_MS, pollMs * 2)) {
    const { rows, isOpen } = outcomesOf(id, caller, services)
    const isOver = services.clock.monotonic() >= until || request.raw.destroyed
    if (!isOpen || isOver) return { data: rows }
    await wait(services.clock, pollMs)
  }
}

function outcomesOf(
  id: string,
  caller: Caller,
  { ledger }: AdminServices,
): { readonly rows: readonly object[]; readonly isOpen: boolean } {
  const rows: object[] = []
  let isOpen = false
  const holds = new Map<string, Hold>()
  const linked = ledger.linkedTo(id)
  if (linked.length > 0) for (const hold of ledger.openHolds()) holds.set(hold.id, hold)
  for (const { id: own, childRequest = '' } of linked) {
    const entry = ledger.find(own)
    if (entry !== undefined) {
      if (isSender(entry.caller, caller))
        rows.push(settledRow(childRequest, entry, ledger.correctedCost(entry)))
      continue
    }
    const hold = holds.get(own)
    if (hold !== undefined && !isSender(hold.caller, caller)) continue
    isOpen = true
    rows.push(openRow(childRequest, own))
  }
  return { rows, isOpen }
}

/** A context is a label, which the question does not repeat. */
function isSender(sender: Caller, { ip, token }: Caller): boolean {
  return sender.ip === ip && sender.token === token
}
