import { createRequire } from 'node:module'

/** The parts of an OpenRPC document that our tests read, with its references resolved. */
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
    /** The errors in a call; empty when it is valid. */
    validate(method: string, params: object): readonly unknown[]
  }
  readonly parseOpenRPCDocument: (document: OpenRpc) => Promise<OpenRpc>
}

// The package's types are TypeScript sources that our compiler options reject, so the parts we use are declared here.
export const openRpcTools = createRequire(import.meta.url)('@open-rpc/schema-utils-js') as OpenRpcTools
