import type { AnswerSink } from '../../../inference/response/response-sink.ts'
import type { AnswerOnReply } from './http-response-sink.ts'

/** Where an answer goes that a route has asked for. */
export type AskSink = AnswerSink & Pick<AnswerOnReply, 'expect'>

/** Reads the body, tells the sink what to expect, and asks the broker. What is wrong with the body is thrown at once. */
export type Ask = (sink: AskSink) => Promise<void>
