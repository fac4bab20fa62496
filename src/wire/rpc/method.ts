import type { z } from 'zod'

import type { ErrorCode } from '../../base/errors.ts'

/** Who may call a method: anybody who reaches the door, anybody the broker knows, or an administrator. */
export const ROLES = ['open', 'caller', 'admin'] as const

export type Role = (typeof ROLES)[number]

/** May a caller of role `has` do what needs role `needs`? Each role may do all that the ones before it may. */
export function roleMay(has: Role, needs: Role): boolean {
  return ROLES.indexOf(has) >= ROLES.indexOf(needs)
}

/** The contract of one RPC method. Door, client, command line, dashboard and documents all follow from it. */
export interface Method {
  /** One sentence without a full stop inside. */
  readonly summary: string
  readonly description?: string
  /** Fields in the order in which they may be given by position; required ones first. */
  readonly params: z.ZodObject
  readonly result: z.ZodType
  /** What can go wrong beyond bad params and what any method may answer. */
  readonly errors: readonly ErrorCode[]
  readonly role: Role
  /**
   * Who accepts `text/event-stream` gets results for as long as it listens, an event each, and every one an answer to the
   * same call; params are those of the call.
   */
  readonly streams?: true
  /** Its params hold what people attach, so that they may be as large as the body of a chat; those of others are small. */
  readonly takesMuch?: true
  readonly example: { readonly params: Readonly<Record<string, unknown>>; readonly result: unknown }
}
