import type { Caller } from '../../../auth/caller.ts'
import type { Role } from '../../../wire/rpc/method.ts'
import type { MethodName, Params, Result, RoleOf, StreamName } from '../../../wire/rpc/methods.ts'

/** Methods that the RPC server handles itself. */
type OwnMethod = 'rpc.discover'

/** A caller with the role that it proved. A handler shows everything to an administrator, and to a caller what is its own. */
export interface RpcCaller extends Caller {
  readonly role: Role
}

/** The caller of a method. An open method serves anyone who can connect, so its caller is not looked up. */
export type CallerOf<M extends MethodName> = RoleOf<M> extends 'open' ? undefined : RpcCaller

/** The handler of each method of the contract; a method without one does not compile. `signal` aborts when the caller disconnects. */
export type Handlers = {
  readonly [M in Exclude<MethodName, OwnMethod>]: Handler<M>
}

/** The handlers of one group. */
export type HandlersOf<M extends keyof Handlers> = Pick<Handlers, M>

export type Handler<M extends MethodName> = (
  params: Params<M>,
  caller: CallerOf<M>,
  signal: AbortSignal,
) => Promise<Result<M>>

/** The handlers of streaming methods: they yield results until `signal` aborts, and `undefined` for a keep-alive. */
export type StreamHandlers = {
  readonly [M in StreamName]: (
    params: Params<M>,
    caller: CallerOf<M>,
    signal: AbortSignal,
  ) => AsyncGenerator<Result<M> | undefined, void, void>
}
