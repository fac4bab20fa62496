import type { Caller } from '../../../auth/caller.ts'
import type { MethodName, Params, Result, RoleOf, StreamName } from '../../../wire/rpc/methods.ts'

/** Methods that the door answers itself. */
type OwnMethod = 'rpc.discover'

/** Who asks. An open method serves whoever reaches the door, so nobody is looked up for it. */
export type CallerOf<M extends MethodName> = RoleOf<M> extends 'open' ? undefined : Caller

/** What answers each method of the contract; a method without a handler does not compile. `signal` aborts when the caller hangs up. */
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

/** What answers those that stream, result by result until `signal` aborts; `undefined` is a sign of life without news. */
export type StreamHandlers = {
  readonly [M in StreamName]: (
    params: Params<M>,
    caller: CallerOf<M>,
    signal: AbortSignal,
  ) => AsyncGenerator<Result<M> | undefined, void, void>
}
