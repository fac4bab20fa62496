import { whenReady } from '../base/when-ready.ts'
import type { ChatRequest } from '../wire/openai/chat.ts'
import { hasMcpTools } from '../wire/openai/mcp-tools.ts'
import { prepareChat } from './chat-request.ts'
import { chatWithTools } from './chat-with-tools.ts'
import { Execution } from './execution/execution.ts'
import type { RequestContext } from './request/inference-request.ts'
import type { ResponseSink } from './response/response-sink.ts'
import type { Services } from './services/services.ts'

/** Responds to one chat request, plain or streamed, running the broker's tools where it has any. Throws like `Execution.execute`. */
export function chat(
  request: ChatRequest,
  context: RequestContext,
  sink: ResponseSink,
  services: Services,
): Promise<void> {
  if (runsTools(request, context, services)) return chatWithTools(request, context, sink, services)
  return whenReady(prepareChat(request, context, services), (inference) =>
    new Execution(inference, context, sink, services).execute(),
  )
}

/** The request names them, or its caller always gets some. */
function runsTools({ body, n }: ChatRequest, { caller }: RequestContext, { tools }: Services): boolean {
  if (hasMcpTools(body.value['tools'])) return true
  return tools !== undefined && n === 1 && tools.chatTools(caller).length > 0
}
