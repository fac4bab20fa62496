import { expect } from 'vitest'
import {
  chatChunk,
  done,
  finishChunk,
  json,
  sse,
  usageChunk,
  type Step,
} from '../support/scripted-upstream.ts'
import type { Told } from './broker-before.ts'

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }

/** A whole stream; with the prices of these tests it costs 20,000 nano-dollars. */
export function says(...texts: string[]): Step[] {
  return [sse(...texts.map((text) => chatChunk(text)), finishChunk(), usageChunk(USAGE), done)]
}

/** A whole plain answer at the same cost. */
export function answers(text: string): Step[] {
  return [json(200, plainAnswer(text))]
}

export function plainAnswer(text: string): object {
  const choice = { index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }
  return { id: 'x', object: 'chat.completion', choices: [choice], usage: USAGE }
}

export function refuses(status: number, message = 'because', headers = {}): Step[] {
  return [json(status, { error: { message } }, headers)]
}

/** What many providers send at once, before they have a word to say. */
export const role = chatChunk('', {
  choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
})

export function expectWhole(told: Told, text: string): void {
  const { status, isDone, finish, error } = told
  expect({ status, text: told.text, isDone, finish, error }).toEqual({
    status: 200,
    text,
    isDone: true,
    finish: 'stop',
    error: undefined,
  })
}
