import type { ChatRequest } from '../wire/openai/chat.ts'
import { namesMcp } from '../wire/openai/mcp-tools.ts'
import type { AnswerSink } from './response/response-sink.ts'
import type { Asker } from './request/request-context.ts'
import { chatErrand } from './chat-request.ts'
import { fitted } from './prompt/fit-context-window.ts'
import type { Rooms } from './services/services.ts'
import { chatWithTools } from './chat-with-tools.ts'
import { walk } from './execution/execute.ts'

/** Answers one chat request, plain or streamed, running the broker's tools where it has any. Throws like `walk`. */
export function chat(request: ChatRequest, asker: Asker, sink: AnswerSink, rooms: Rooms): Promise<void> {
  if (runsTools(request, asker, rooms)) return chatWithTools(request, asker, sink, rooms)
  const errand = fitted(chatErrand(request, asker, rooms), request, rooms)
  return errand instanceof Promise
    ? errand.then((its) => walk(its, asker, sink, rooms))
    : walk(errand, asker, sink, rooms)
}

/** The request names them, or its caller always gets some. */
function runsTools({ body, choices }: ChatRequest, { caller }: Asker, { tools }: Rooms): boolean {
  if (namesMcp(body.value['tools'])) return true
  return tools !== undefined && choices === 1 && tools.chatTools(caller).length > 0
}
