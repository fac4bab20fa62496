import { whenReady } from '../base/when-ready.ts'
import type { ChatRequest } from '../wire/openai/chat.ts'
import { namesMcp } from '../wire/openai/mcp-tools.ts'
import { prepareChat } from './chat-request.ts'
import { chatWithTools } from './chat-with-tools.ts'
import { Execution } from './execution/execution.ts'
import type { Asker } from './request/inference-request.ts'
import type { AnswerSink } from './response/response-sink.ts'
import type { Rooms } from './services/services.ts'

/** Responds to one chat request, plain or streamed, running the broker's tools where it has any. Throws like `Execution.execute`. */
export function chat(request: ChatRequest, context: Asker, sink: AnswerSink, services: Rooms): Promise<void> {
  if (runsTools(request, context, services)) return chatWithTools(request, context, sink, services)
  return whenReady(prepareChat(request, context, services), (inference) =>
    new Execution(inference, context, sink, services).execute(),
  )
}

/** The request names them, or its caller always gets some. */
function runsTools({ body, choices }: ChatRequest, { caller }: Asker, { tools }: Rooms): boolean {
  if (namesMcp(body.value['tools'])) return true
  return tools !== undefined && choices === 1 && tools.chatTools(caller).length > 0
}
