import type { Caller } from '../../../auth/caller.ts'
import type { MethodName, Params, Result, RoleOf, StreamName } from '../../../wire/rpc/methods.ts'

/** Methods that the RPC server handles itself. */
type OwnMethod = 'rpc.discover'

/** The caller of a method. An open method serves anyone who can connect, so its caller is not looked up. */
export type CallerOf<M extends MethodName> = RoleOf<M> extends 'open' ? undefined : Caller

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
