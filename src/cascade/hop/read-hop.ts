import { BrokerError } from '../../base/errors.ts'
import type { Restriction } from '../../limits/limit-rule.ts'
import { truncate } from '../../base/text.ts'
import {
  ATTEMPTS_HEADER,
  CALLER_HEADER,
  CASCADE_HEADER,
  CONTEXT_HEADER,
  DEADLINE_HEADER,
  HOPS_HEADER,
  LEASE_HEADER,
  POLICY_HEADER,
  VISITED_HEADER,
  REQUEST_HEADER,
} from './hop-headers.ts'
import { readPolicy } from './policy.ts'

/** What a broker below says of a request that it sends on. Absent fields were not sent. */
export interface Hop {
  /** Ids of the brokers that the request has passed, the sender last. */
  readonly path: readonly string[]
  /** How many further brokers may be above this one. */
  readonly hopsLeft: number | undefined
  readonly deadlineMs: number | undefined
  /** The maximum number of attempts at providers, over all brokers above. */
  readonly attempts: number | undefined
  /** The sender's id of this attempt. */
  readonly request: string | undefined
  /** Labels of the sender's caller. */
  readonly context: string | undefined
  readonly caller: string | undefined
  /** The lease that it is charged under. */
  readonly lease: string | undefined
  /** Where the request may be served. */
  readonly policy: Restriction | undefined
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

const ID = /^[A-Za-z0-9_-]{1,64}$/
const LABEL = /^[A-Za-z0-9._:-]{1,64}$/
const REQUEST = /^[A-Za-z0-9._-]{1,96}$/
/** A path is as long as brokers are stacked. */
const MAX_PATH = 32

/**
 * Reads what a broker below sent with a request; `undefined` for any other caller. A newer version may send more, which is
 * ignored. Throws `cascade-loop` for a request that has passed this broker before, `upstream-timeout` for one whose deadline
 * has passed, `bad-request` for a header that can't be read.
 */
export function readHop(headers: Headers, ownId: string): Hop | undefined {
  if (headers[CASCADE_HEADER] === undefined) return undefined
  const path = readPath(headers[VISITED_HEADER])
  if (path.includes(ownId)) throw loopError(path, ownId)
  const deadlineMs = numberIn(headers, DEADLINE_HEADER)
  if (deadlineMs === 0)
    throw new BrokerError('upstream-timeout', 'the deadline of the request has passed on its way here')
  return {
    path,
    hopsLeft: numberIn(headers, HOPS_HEADER),
    deadlineMs,
    attempts: numberIn(headers, ATTEMPTS_HEADER),
    request: textIn(headers, REQUEST_HEADER, REQUEST),
    context: textIn(headers, CONTEXT_HEADER, LABEL),
    caller: textIn(headers, CALLER_HEADER, LABEL),
    lease: textIn(headers, LEASE_HEADER, ID),
    policy: readPolicy(headers[POLICY_HEADER]),
  }
}

function readPath(value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return []
  const path = String(value)
    .split(',')
    .map((id) => id.trim())
  if (path.length <= MAX_PATH && path.every((id) => ID.test(id))) return path
  throw badHeader(VISITED_HEADER, value)
}

function loopError(path: readonly string[], ownId: string): BrokerError {
  const round = [...path, ownId].join(' → ')
  return new BrokerError(
    'cascade-loop',
    `this request has passed here before: ${round}; a broker of this path has one below it as its mother`,
  )
}

/** A whole number; what is beyond a day or a million is no request of ours. */
function numberIn(headers: Headers, name: string): number | undefined {
  const value = headers[name]
  if (value === undefined) return undefined
  if (typeof value === 'string' && /^\d{1,8}$/.test(value)) return Number(value)
  throw badHeader(name, value)
}

function textIn(headers: Headers, name: string, form: RegExp): string | undefined {
  const value = headers[name]
  if (value === undefined) return undefined
  if (typeof value === 'string' && form.test(value)) return value
  throw badHeader(name, value)
}

function badHeader(name: string, value: string | string[]): BrokerError {
  return new BrokerError('bad-request', `the header ${name} can’t be read: “${truncate(String(value))}”`)
}
