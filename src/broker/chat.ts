import type { ChatRequest } from '../wire/chat.ts'
import { namesMcp } from '../wire/mcp-tools.ts'
import type { AnswerSink } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import { chatErrand } from './chat-errand.ts'
import { fitted } from './fitted.ts'
import type { Rooms } from './rooms.ts'
import { chatWithTools } from './tool-loop.ts'
import { walk } from './walk.ts'

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
