import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Asker } from '../../broker/asker.ts'
import { chat, type Rooms } from '../../broker/chat.ts'
import { parseChatRequest } from '../../wire/chat.ts'
import { findCaller } from '../http/find-caller.ts'
import { AnswerOnReply } from './answer-on-reply.ts'

/** `POST /chat/completions`: OpenAI's and OpenRouter's chat, plain and streamed. */
export async function postChatCompletions(
  request: FastifyRequest,
  reply: FastifyReply,
  rooms: Rooms,
): Promise<void> {
  const answer = new AnswerOnReply(reply)
  await chat(parseChatRequest(bodyOf(request)), askerOf(request, rooms), answer, rooms)
  if (answer.isGone) answer.abandon()
}

const EMPTY = new Uint8Array(0)

function bodyOf({ body }: FastifyRequest): Uint8Array {
  return body instanceof Uint8Array ? body : EMPTY
}

function askerOf(request: FastifyRequest, { attribution }: Rooms): Asker {
  const { headers } = request
  return {
    caller: findCaller(request),
    referer: textOf(headers['http-referer'] ?? headers.referer) ?? attribution.referer,
    title: textOf(headers['x-openrouter-title'] ?? headers['x-title']) ?? attribution.title,
  }
}

/** Long enough for any app's name or address. */
const MOST_CHARACTERS = 512

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, MOST_CHARACTERS) : undefined
}
