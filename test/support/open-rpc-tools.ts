import { createRequire } from 'node:module'

/** An OpenRPC document as our tests look at it, its references followed. */
export interface OpenRpc {
  readonly methods: readonly {
    readonly name: string
    readonly examples: readonly {
      readonly params: readonly { readonly name: string; readonly value: unknown }[]
    }[]
    readonly result: { readonly schema: object }
  }[]
}

interface OpenRpcTools {
  readonly MethodCallValidator: new (document: OpenRpc) => {
    /** What is wrong with a call; empty when nothing is. */
    validate(method: string, params: object): readonly unknown[]
  }
  readonly parseOpenRPCDocument: (document: OpenRpc) => Promise<OpenRpc>
}

// Its types are TypeScript sources that our compiler options refuse, so they are said here as far as they are used.
export const openRpcTools = createRequire(import.meta.url)('@open-rpc/schema-utils-js') as OpenRpcTools
