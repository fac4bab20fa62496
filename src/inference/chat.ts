import { BrokerError } from '../base/errors.ts'
import { isPending } from '../base/pending.ts'
import type { ChatRequest } from '../wire/openai/chat.ts'
import { hasMcpTools } from '../wire/openai/mcp-tools.ts'
import { prepareChat } from './chat-request.ts'
import { Execution } from './execution/execution.ts'
import type { RequestContext } from './request/inference-request.ts'
import type { ResponseSink } from './response/response-sink.ts'
import type { InferenceServices } from './services/services.ts'

/** Responds to one chat request, plain or streamed, running the broker's tools where it has any. Throws like `Execution.execute`. */
export function chat(
  request: ChatRequest,
  context: RequestContext,
  sink: ResponseSink,
  services: InferenceServices,
): Promise<void> {
  const { toolChats } = services
  if (hasMcpTools(request.body.value['tools'])) {
    if (toolChats === undefined) throw noMcpServers()
    return toolChats.run(request, context, sink, services)
  }
  // The callers that the configuration names always get some.
  if (toolChats !== undefined && request.n === 1 && toolChats.chatTools(context.caller).length > 0)
    return toolChats.run(request, context, sink, services)
  const prepared = prepareChat(request, context, services)
  return isPending(prepared)
    ? prepared.then((inference) => new Execution(inference, context, sink, services).execute())
    : new Execution(prepared, context, sink, services).execute()
}

function noMcpServers(): BrokerError {
  return new BrokerError('bad-request', 'tools of type “mcp” need MCP servers, and none are configured here')
}
