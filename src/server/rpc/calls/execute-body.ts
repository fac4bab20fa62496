import { RPC_CODES } from '../../../wire/rpc/message.ts'
import { bytesOf } from '../../http/node/request-types.ts'
import { parseBody } from './parse-call.ts'
import type { IdTexts } from './parse-call.ts'
import { RpcFault, faultText } from './rpc-error.ts'

type AnswerOne = (value: unknown, idTexts: IdTexts) => Promise<string | undefined>

/**
 * The answer to a body as JSON text: one call, or a batch whose answers keep the order of its calls (they run side by
 * side). `undefined` when only notifications came.
 */
export async function answerBody(body: unknown, answerOne: AnswerOne): Promise<string | undefined> {
  try {
    const { value, idTexts } = parseBody(bytesOf({ body }))
    return Array.isArray(value)
      ? await answerBatch(value, idTexts, answerOne)
      : await answerOne(value, idTexts)
  } catch (thrown) {
    if (thrown instanceof RpcFault) return faultText(thrown, 'null')
    throw thrown
  }
}

async function answerBatch(batch: readonly unknown[], idTexts: IdTexts, answerOne: AnswerOne) {
  if (batch.length === 0) throw new RpcFault(RPC_CODES.invalidRequest, 'an empty batch asks for nothing')
  const answers = await Promise.all(batch.map((one) => answerOne(one, idTexts)))
  const said = answers.filter((answer) => answer !== undefined)
  return said.length === 0 ? undefined : `[${said.join(',')}]`
}
