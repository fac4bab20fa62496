import { createChatClient } from './chat-client.ts'
import type { ChatClient } from './chat-client.ts'
import { createLedgerClient } from './ledger-client.ts'
import type { LedgerClient } from './ledger-client.ts'
import { createOpenAiClient } from './openai-client.ts'
import type { OpenAiClient } from './openai-client.ts'
import { createRpcClient } from './rpc-client.ts'
import type { RpcClient } from './rpc-client.ts'
import type { Transport } from './transport.ts'

export { BrokerError } from '../base/errors.ts'
export type { ErrorCode, ErrorDetails } from '../base/errors.ts'
export type { MethodName, Params, Result } from '../wire/rpc/methods.ts'
export type { ChatAnswer, ChatChunk, ChatMessage, ChatRequest, ChatUsage } from './chat-types.ts'
export type { Create, OpenAiClient } from './openai-client.ts'
export type {
  Completion,
  CompletionRequest,
  EmbeddingRequest,
  Embeddings,
  ListedModel,
  ModelList,
} from './openai-types.ts'
export type { BatchCall, BatchResults, CallOptions } from './rpc-client.ts'
export type { ExportQuery } from './ledger-client.ts'
export { httpTransport } from './transport.ts'
export type { HttpOptions, Transport, TransportAnswer, TransportRequest } from './transport.ts'

/** A client of a broker: every RPC method of the contract, chat, and the ledger's rows. */
export interface Client extends RpcClient, ChatClient, LedgerClient {
  /** The REST API under the names of OpenAI's client: `broker.openai.embeddings.create(…)`. */
  readonly openai: OpenAiClient
}

/** Creates a client over any transport: `httpTransport` runs everywhere, `unixTransport` of `sdk-node` connects to Unix sockets. Sends nothing yet. */
export function connect(transport: Transport): Client {
  return {
    ...createRpcClient(transport),
    ...createChatClient(transport),
    ...createLedgerClient(transport),
    openai: createOpenAiClient(transport),
  }
}
