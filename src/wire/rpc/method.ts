import type { z } from 'zod'

import type { ErrorCode } from '../../base/errors.ts'

/** Who may call a method: anyone who can connect, any identified caller, or an administrator. */
export const ROLES = ['open', 'caller', 'admin'] as const

export type Role = (typeof ROLES)[number]

/** Whether role `has` includes role `needs`: each role includes those before it. */
export function roleMay(has: Role, needs: Role): boolean {
  return ROLES.indexOf(has) >= ROLES.indexOf(needs)
}

/** The contract of one RPC method. The server, the client, the command line and the documentation are derived from it. */
export interface Method {
  /** One sentence without a full stop inside. */
  readonly summary: string
  readonly description?: string
  /** Fields in the order of positional params; required ones first. */
  readonly params: z.ZodObject
  readonly result: z.ZodType
  /** Errors of this method besides those that any method may return. */
  readonly errors: readonly ErrorCode[]
  readonly role: Role
  /**
   * The method can stream: a client that accepts `text/event-stream` gets results until it disconnects, each as an event with
   * a response to the one call.
   */
  readonly streams?: true
  /** Its params may hold attachments and be as large as the body of a chat; those of other methods are small. */
  readonly allowsLargeParams?: true
  readonly example: { readonly params: Readonly<Record<string, unknown>>; readonly result: unknown }
}
