import type { Caller } from '../auth/caller.ts'
import { BrokerError } from '../base/errors.ts'
import { isPending } from '../base/pending.ts'
import type { ChatRequest } from '../wire/openai/chat.ts'
import { hasMcpTools } from '../wire/openai/mcp-tools.ts'
import { prepareChat } from './chat-request.ts'
import { Execution } from './execution/execution.ts'
import type { RequestContext } from './request/inference-request.ts'
import type { ResponseSink } from './response/response-sink.ts'
import type { InferenceServices, ToolChats } from './services/services.ts'

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
    if (context.caller.viaTool === true) throw noToolsWithinTools()
    return toolChats.run(request, context, sink, services)
  }
  // The callers that the configuration names always get some.
  if (toolChats !== undefined && request.n === 1 && hasChatTools(toolChats, context.caller))
    return toolChats.run(request, context, sink, services)
  const prepared = prepareChat(request, context, services)
  return isPending(prepared)
    ? prepared.then((inference) => new Execution(inference, context, sink, services).execute())
    : new Execution(prepared, context, sink, services).execute()
}

function hasChatTools(toolChats: ToolChats, caller: Caller): boolean {
  return caller.viaTool !== true && toolChats.chatTools(caller).length > 0
}

/** What a tool may call in its caller's name is decided where the tool calls, not by a model that it asks. */
function noToolsWithinTools(): BrokerError {
  return new BrokerError(
    'forbidden',
    'tools: a chat that a tool makes for its caller gets no tools of the broker; call them with mcp.call_tool, where the operator allows it',
  )
}

function noMcpServers(): BrokerError {
  return new BrokerError('bad-request', 'tools of type “mcp” need MCP servers, and none are configured here')
}
